/**
 * `npm run bench:slow`: what clients behind slow lines cost a fast one. Some push at 64 KB/s, in chunks or with a length, every fourth
 * with a stall of 8 s in the middle; beside them a fast client pushes 64 MB again and again, as it does before and after, alone. Each
 * number of slow clients has a fresh Berth.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { largeBlob } from './blobs.ts'
import { orUsage, readNumbers } from './command-line.ts'
import { HttpClient, slices } from './http.ts'
import { findWorkerd, memoryOf } from './process-memory.ts'
import { RegistryClient } from './registry-client.ts'
import { startServer } from './server-process.ts'
import { pushSlowly, type SlowOutcome } from './slow-client.ts'
import { median } from './stats.ts'
import { formatTable, milliseconds, ratio } from './table.ts'

const MIB = 1024 * 1024
const BYTES_PER_SECOND = 64 * 1024
const STALL_MS = 8000
const LEAST_BYTES = MIB / 2
const MOST_BYTES = 2 * MIB

/** Fast pushes alone, before and after. */
const ALONE = 4
/** Fast pushes beside the slow ones, at most: what they leave fills the disk. */
const BESIDE = 12
const PAUSE_MS = 500
/** How long the slow clients are left to themselves first. */
const SETTLE_MS = 2000

/** The most that the fast push may take beside so many slow clients, as a multiple of its time alone. */
const BARS: Record<number, number> = { 12: 1.5, 50: 1.5, 200: 3 }

interface Measured {
  clients: number
  /** Milliseconds of fast pushes: alone, beside the slow clients, and alone again. */
  before: number[]
  beside: number[]
  after: number[]
  /** Why fast pushes failed. */
  fastFailures: string[]
  completed: number
  slowFailures: string[]
  retries: number
  /** Milliseconds. */
  slowestAnswer: number
  /** Bytes resident at most: before the slow clients came, and in all. */
  peakAlone: number
  peak: number
  /** Part of the time beside the slow clients in which this process was busy, 0 to 1. */
  client: number
}

const USAGE = `npm run bench:slow -- [--json] [--clients N,N]
  N  slow clients, ${Object.keys(BARS).join(',')} where it is left out`

const { json, numbers } = orUsage(USAGE, (args) => {
  const { values } = parseArgs({
    args,
    options: {
      json: { type: 'boolean', default: false },
      clients: { type: 'string', default: Object.keys(BARS).join(',') },
    },
  })
  return { json: values.json, numbers: readNumbers('--clients', values.clients, 500) }
})

const results: Measured[] = []
for (const clients of numbers) results.push(await measure(clients))
console.log(json ? JSON.stringify({ cases: results }, null, 2) : asTable(results))

async function measure(clients: number): Promise<Measured> {
  const state = await mkdtemp(join(tmpdir(), 'berth-slow-'))
  try {
    const server = await startServer('berth', state)
    try {
      return await measureOn(server.url, findWorkerd(server.pid), clients)
    } finally {
      await server.stop()
    }
  } finally {
    await rm(state, { recursive: true, force: true })
  }
}

async function measureOn(url: URL, workerd: number, clients: number): Promise<Measured> {
  const fast = new RegistryClient(url, 'bench/fast')
  const fastFailures: string[] = []
  const pushFast = async (times: number[]) => {
    const { digest, bytes } = largeBlob()
    const start = performance.now()
    try {
      await fast.pushStreamed(digest, slices(bytes))
      times.push(performance.now() - start)
    } catch (error) {
      fastFailures.push(String(error))
    }
  }
  await pushFast([]) // The first one pays for connections and just-in-time compilation.
  const before: number[] = []
  for (let push = 0; push < ALONE; push++) await pushFast(before)
  const peakAlone = memoryOf(workerd).peak

  const idle = performance.eventLoopUtilization()
  const slow = startSlowClients(url, clients)
  await wait(SETTLE_MS)
  const beside: number[] = []
  while (beside.length + fastFailures.length < BESIDE && slow.atWork() > clients / 2) {
    await pushFast(beside)
    await wait(PAUSE_MS)
  }
  const client = performance.eventLoopUtilization(idle).utilization
  const outcome = await slow.end()
  const after: number[] = []
  for (let push = 0; push < ALONE; push++) await pushFast(after)
  return {
    clients,
    before,
    beside,
    after,
    fastFailures,
    ...outcome,
    peakAlone,
    peak: memoryOf(workerd).peak,
    client,
  }
}

function startSlowClients(url: URL, clients: number) {
  const http = new HttpClient(url)
  const outcomes: SlowOutcome[] = []
  const slowFailures: string[] = []
  let left = clients
  const all = Array.from({ length: clients }, async (_, index) => {
    const push = {
      repository: 'bench/slow',
      bytesPerSecond: BYTES_PER_SECOND,
      // Evenly spread, however many there are.
      size: LEAST_BYTES + Math.round(((MOST_BYTES - LEAST_BYTES) * index) / clients),
      chunked: index % 2 === 0,
      // Two of eight: one of each encoding.
      stall: index % 8 < 2 ? STALL_MS : 0,
    }
    try {
      await wait((index * 1000) / clients)
      outcomes.push(await pushSlowly(http, push))
    } catch (error) {
      slowFailures.push(String(error))
    }
    left -= 1
  })
  return {
    atWork: () => left,
    async end() {
      await Promise.all(all)
      for (const { check } of outcomes) {
        await check().catch((error) => slowFailures.push(String(error)))
      }
      http.close()
      return {
        completed: clients - slowFailures.length,
        slowFailures,
        retries: outcomes.reduce((sum, { retries }) => sum + retries, 0),
        slowestAnswer: Math.max(0, ...outcomes.map(({ slowestAnswer }) => slowestAnswer)),
      }
    },
  }
}

function asTable(measured: readonly Measured[]): string {
  const header = [
    'slow clients',
    'before',
    'beside',
    'pushes',
    'after',
    'ratio',
    'bar',
    '',
    'completed',
    'retries',
    'slowest answer',
    'peak MiB alone',
    'in all',
    'client',
  ]
  const rows = measured.map((result) => [
    String(result.clients),
    timeCell(result.before),
    timeCell(result.beside),
    String(result.beside.length),
    timeCell(result.after),
    ...verdict(result),
    `${result.completed} of ${result.clients}`,
    String(result.retries),
    milliseconds(result.slowestAnswer),
    (result.peakAlone / MIB).toFixed(0),
    (result.peak / MIB).toFixed(0),
    `${(result.client * 100).toFixed(0)}%`,
  ])
  const failures = measured.flatMap(({ clients, fastFailures, slowFailures }) => [
    ...fastFailures.map((why) => `failed beside ${clients} slow clients: ${why}`),
    ...[...new Set(slowFailures)].map((why) => `failed of ${clients} slow clients: ${why}`),
  ])
  return [
    formatTable(header, rows),
    'Milliseconds of a streamed push of 64 MB, medians; beside is from the start of the slow clients until half of them are done.',
    'slowest answer: milliseconds from the last byte of a slow client’s request to its answer, at most.',
    'client: the part of the time in which the one process of all clients was busy.',
    ...failures,
  ].join('\n')
}

function timeCell(times: readonly number[]): string {
  return times.length === 0 ? '-' : milliseconds(median(times))
}

/** @returns the ratio of the time beside the slow clients to that before and after, its bar, and whether it is met */
function verdict({ clients, before, beside, after, fastFailures, completed }: Measured): string[] {
  const alone = [...before, ...after]
  if (beside.length === 0 || alone.length === 0) return ['-', '', 'missed']
  const value = median(beside) / median(alone)
  const bar = BARS[clients]
  if (bar === undefined) return [ratio(value)]
  const met = value <= bar && fastFailures.length === 0 && completed === clients
  return [ratio(value), ratio(bar), met ? 'met' : 'missed']
}
