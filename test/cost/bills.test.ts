/** The bill of each client's push and pull, counted exactly: a change of cost turns this red, and prints the new figures. */
import {
  createExecutionContext,
  createScheduledController,
  waitOnExecutionContext,
} from 'cloudflare:test'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import type { Env } from '../../src/http/middleware/context.ts'
import { PART_BYTES } from '../../src/store/bytes/buffer-pool.ts'
import worker from '../support/worker.ts'
import { type Bill, billOf, UNITS } from './bill.ts'
import { FIGURES, LAYER_BYTES, LAYERS, type Occasion } from './figures.ts'
import { countInvocation, metered } from './meter.ts'
import {
  ADMIN_PASSWORD,
  ask,
  consumeQueued,
  forgetUploads,
  type Image,
  type Login,
  newImage,
  registry,
  replay,
} from './replay.ts'
import { type Client, type Operation, SEQUENCES } from './sequences.ts'

const WEBHOOKS = JSON.stringify([{ name: 'deploy', url: 'https://hooks.example.com/berth' }])
const withWebhook: Env = { ...registry, WEBHOOKS }

/** A CI job: an access token of an account that may push. */
const login: Login = { user: 'ci', password: '' }

beforeAll(async () => {
  await administer('POST', 'accounts', { name: 'ci', password: 'not used by the job itself' })
  const grant = { principal: 'account:ci', pattern: 'cost/**', actions: ['pull', 'push'] }
  await administer('PUT', 'grants', grant)
  const token = await administer('POST', 'tokens', { name: 'job', account: 'ci' })
  login.password = JSON.parse(token).secret
})

async function administer(method: string, path: string, body: object): Promise<string> {
  const headers = {
    Authorization: `Basic ${btoa(`admin:${ADMIN_PASSWORD}`)}`,
    'Content-Type': 'application/json',
  }
  const answer = await ask(`/api/v1/${path}`, { method, headers, body: JSON.stringify(body) })
  expect(answer.status, answer.body).toBeLessThan(300)
  return answer.body
}

beforeEach(async () => {
  // An isolate reads some things once a minute: the minute does not end here.
  const now = Date.now()
  vi.spyOn(Date, 'now').mockReturnValue(now)
  vi.spyOn(globalThis, 'fetch').mockImplementation(async () => new Response('thanks'))
  return () => vi.restoreAllMocks()
})

/** What a layer of the image has at its end, behind one whole part: it is stored as the image's layers are, in two parts. */
const SHORT_LAYER_BYTES = PART_BYTES + (LAYER_BYTES % PART_BYTES)
const PARTS_LEFT_OUT = Math.floor(LAYER_BYTES / PART_BYTES) - 1

/** What one operation, and what comes of it, is billed for. */
async function count(
  operation: Operation,
  client: Client,
  image: Image,
  bindings?: Env,
): Promise<Bill | null> {
  const sequence = SEQUENCES[client][operation]
  if (sequence === null) return null
  return metered(async () => {
    await replay(sequence, image, login, bindings)
    await consumeQueued(bindings)
    await forgetUploads()
  })
}

/** The repository is there, and the isolate has its keys, as on all but the first day. */
async function prepare(client: Client): Promise<void> {
  const image = await newImage(`cost/${client}`, 'before', 1, 1000)
  await count('push', client, image)
  await count('pull', client, image)
}

/** What grows with the parts of a layer; the rest is counted as it is. */
const BY_PART = ['r2ClassA', 'objectRowsRead', 'objectRowsWritten'] as const

/** The bill of a push whose layers have all their parts, from one where they have two, and from what a third costs. */
async function billOfPush(client: Client): Promise<[Bill, Image]> {
  const push = async (tag: string, layers: number, bytes: number): Promise<[Bill, Image]> => {
    const image = await newImage(`cost/${client}`, tag, layers, bytes)
    return [(await count('push', client, image)) ?? billOf(), image]
  }
  const [two] = await push('two', 1, SHORT_LAYER_BYTES)
  const [three] = await push('three', 1, SHORT_LAYER_BYTES + PART_BYTES)
  const [bill, image] = await push('v1', LAYERS, SHORT_LAYER_BYTES)
  for (const unit of BY_PART) bill[unit] += LAYERS * PARTS_LEFT_OUT * (three[unit] - two[unit])
  return [bill, image]
}

/** The figures as figures.ts should have them. */
const measured: string[] = []

function note(name: string, bill: Bill | null): void {
  const numbers = UNITS.map((unit) => bill?.[unit]).join(', ')
  measured.push(`${name}: ${bill === null ? 'null' : `billOf(${numbers})`},`)
}

it.each<Client>(['docker', 'containerd', 'podman'])('%s', async (client) => {
  await prepare(client)
  const [push, image] = await billOfPush(client)
  const bills: Record<Occasion, Bill | null> = {
    push,
    'push again': await count('push again', client, image),
    'first pull': await count('pull', client, image),
    'second pull': await count('pull', client, image),
    'third pull': await count('pull', client, image),
    'pull again': await count('pull again', client, image),
  }
  measured.push(`${client}: {`)
  for (const [occasion, bill] of Object.entries(bills)) note(`'${occasion}'`, bill)
  measured.push('},')
  expect(bills).toEqual(FIGURES.clients[client])
  expect(bills['third pull']?.r2ClassB).toBe(0)
})

it('a push with one webhook', async () => {
  const bill = async (tag: string, bindings: Env) =>
    count('push', 'containerd', await newImage('cost/containerd', tag, LAYERS, 1000), bindings)
  expect(await bill('untold', registry)).toEqual(FIGURES.clients.containerd.push)
  const told = await bill('told', withWebhook)
  note('pushTold', told)
  expect(told).toEqual(FIGURES.pushTold)
  expect(fetch).toHaveBeenCalledTimes(LAYERS + 2)
})

it.each([
  ['minute', '* * * * *'],
  ['hour', '17 * * * *'],
] as const)('an idle %s', async (name, cron) => {
  const controller = createScheduledController({ scheduledTime: new Date(Date.now()), cron })
  const bill = await metered(async () => {
    countInvocation()
    const ctx = createExecutionContext()
    await worker.scheduled(controller, registry)
    await waitOnExecutionContext(ctx)
  })
  note(name, bill)
  expect(bill).toEqual(FIGURES[name])
})

let failed = false

afterEach(({ task }) => {
  failed ||= task.result?.state === 'fail'
})

afterAll(() => {
  if (failed) console.error(`test/cost/figures.ts, as it is now:\n${measured.join('\n')}`)
})
