/** What a month costs: 1 TB stored, a million pulls and 10,000 pushes of the image of the figures, all by docker. */
import { PART_BYTES } from '../../src/store/bytes/buffer-pool.ts'
import type { Bill } from './bill.ts'
import { FIGURES, LAYER_BYTES, LAYERS } from './figures.ts'
import {
  ARTIFACT_REGISTRY_STORAGE,
  AWS_TRANSFER,
  CLOUDFLARE,
  ECR_STORAGE,
  GOOGLE_TRANSFER,
  type Price,
  type Tier,
  WORKERS_PAID_DOLLARS,
} from './prices.ts'

const STORED_GB = 1000
const PULLS = 1_000_000
const PUSHES = 10_000
const MINUTES = 30 * 24 * 60
const HOURS = 30 * 24

/** Assumed, for want of a deployed registry to measure. */
const CPU_MS_EACH_INVOCATION = 5
const CPU_MS_EACH_PART = 3
const UPLOAD_BYTES_EACH_SECOND = 10_000_000
const LOG_EVENTS_EACH_INVOCATION = 2
const LOG_EVENT_BYTES = 1000
const LOG_DAYS = 7
const D1_GB = 1
/** An empty SQLite database takes 12 KB of a Durable Object's storage. */
const SESSION_BYTES = 16_000
const SESSION_DAYS = 8

const OBJECT_GB = 0.128
const GB = 1_000_000_000
const GIB = 1024 ** 3

const IMAGE_BYTES = LAYERS * LAYER_BYTES
const TRANSFERRED_BYTES = PULLS * IMAGE_BYTES

interface Line {
  what: string
  used: number
  price: Price
  dollars: number
}

/** `warm`: the share of pulls at a location that has the image in its cache; the others are the first there. */
export function cloudflareMonth(warm: number): Line[] {
  const used = monthlyBill(warm)
  const parts = PUSHES * LAYERS * Math.ceil(LAYER_BYTES / PART_BYTES)
  const cpuMs = used.invocations * CPU_MS_EACH_INVOCATION + parts * CPU_MS_EACH_PART
  const uploadSeconds = (PUSHES * IMAGE_BYTES) / UPLOAD_BYTES_EACH_SECOND
  const sessions = PUSHES * (LAYERS + 1)
  const logGb = (used.invocations * LOG_EVENTS_EACH_INVOCATION * LOG_EVENT_BYTES) / GB
  return [
    line('requests', used.invocations, CLOUDFLARE.requests),
    line('CPU time, ms', cpuMs, CLOUDFLARE.cpuMs),
    line('R2 storage, GB', STORED_GB, CLOUDFLARE.r2GbMonths),
    line('R2 class A', used.r2ClassA, CLOUDFLARE.r2ClassA),
    line('R2 class B', used.r2ClassB, CLOUDFLARE.r2ClassB),
    line('D1 rows read', used.d1RowsRead, CLOUDFLARE.d1RowsRead),
    line('D1 rows written', used.d1RowsWritten, CLOUDFLARE.d1RowsWritten),
    line('D1 storage, GB', D1_GB, CLOUDFLARE.d1GbMonths),
    line('Durable Object requests', used.objectRequests, CLOUDFLARE.objectRequests),
    line('Durable Object time, GB-s', uploadSeconds * OBJECT_GB, CLOUDFLARE.objectGbSeconds),
    line('Durable Object rows read', used.objectRowsRead, CLOUDFLARE.objectRowsRead),
    line('Durable Object rows written', used.objectRowsWritten, CLOUDFLARE.objectRowsWritten),
    line(
      'Durable Object storage, GB',
      (sessions * SESSION_BYTES * SESSION_DAYS) / 30 / GB,
      CLOUDFLARE.objectGbMonths,
    ),
    line('queue operations', used.queueOperations, CLOUDFLARE.queueOperations),
    line('logs written, GB', logGb, CLOUDFLARE.logGb),
    line('logs kept, GB', (logGb * LOG_DAYS) / 30, CLOUDFLARE.logGbMonths),
  ]
}

function monthlyBill(warm: number): Bill {
  const { push, 'first pull': cold, 'third pull': cached } = FIGURES.clients.docker
  const times: [number, Bill | null][] = [
    [PUSHES, push],
    [PULLS * (1 - warm), cold],
    [PULLS * warm, cached],
    [MINUTES, FIGURES.minute],
    [HOURS, FIGURES.hour],
  ]
  const total = (unit: keyof Bill) =>
    Math.round(times.reduce((sum, [count, bill]) => sum + count * (bill?.[unit] ?? 0), 0))
  return {
    invocations: total('invocations'),
    d1Queries: total('d1Queries'),
    d1RowsRead: total('d1RowsRead'),
    d1RowsWritten: total('d1RowsWritten'),
    r2ClassA: total('r2ClassA'),
    r2ClassB: total('r2ClassB'),
    objectRequests: total('objectRequests'),
    objectRowsRead: total('objectRowsRead'),
    objectRowsWritten: total('objectRowsWritten'),
    queueOperations: total('queueOperations'),
  }
}

function line(what: string, used: number, price: Price): Line {
  return { what, used, price, dollars: charge(used, price) }
}

function charge(used: number, { included, dollars, per, roundsUp }: Price): number {
  const units = Math.max(0, used - included) / per
  return (roundsUp ? Math.ceil(units) : units) * dollars
}

export function cloudflareTotal(warm: number): number {
  const sum = cloudflareMonth(warm).reduce((total, { dollars }) => total + dollars, 0)
  return WORKERS_PAID_DOLLARS + sum
}

interface Elsewhere {
  registry: string
  storage: number | null
  transfer: number
}

/** Those whose prices are by the gigabyte; `storage` is null where it is not priced here. */
export function elsewhere(): Elsewhere[] {
  const aws = transferred(AWS_TRANSFER)
  return [
    { registry: 'Amazon ECR', storage: charge(STORED_GB, ECR_STORAGE), transfer: aws },
    {
      registry: 'Google Artifact Registry',
      storage: charge(STORED_GB, ARTIFACT_REGISTRY_STORAGE),
      transfer: transferred(GOOGLE_TRANSFER),
    },
    { registry: 'a registry of your own on AWS', storage: null, transfer: aws },
  ]
}

function transferred(tiers: readonly Tier[]): number {
  const total = TRANSFERRED_BYTES / GIB
  let from = 0
  let dollars = 0
  for (const [upTo, each] of tiers) {
    dollars += Math.max(0, Math.min(total, upTo) - from) * each
    from = upTo
  }
  return dollars
}
