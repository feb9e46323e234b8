/** Deliveries by a running registry, through its own queues, to a receiver over real sockets that misbehaves. */
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { type LocalRegistry, startLocal } from '../../src/cli/local.ts'
import { deliveryProblem } from '../support/standard-webhooks.ts'
import { BEHAVIOURS, type Behaviour, startReceiver, type WebhookReceiver } from './receiver.ts'
import { databaseRows, newBytes, stateFolder } from './support.ts'

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

const folder = stateFolder()
let registry: LocalRegistry | undefined
let receiver: WebhookReceiver | undefined

afterEach(async () => {
  await registry?.stop()
  await receiver?.stop()
  await folder.remove()
})

const rows = (sql: string) => databaseRows(folder.path, sql)

function count(sql: string): number {
  return Number(rows(`SELECT count(*) AS n FROM ${sql}`)[0]?.n)
}

/** @throws where it is not so within that time */
async function until(check: () => boolean, what: string, milliseconds: number): Promise<void> {
  const end = Date.now() + milliseconds
  while (!check()) {
    if (Date.now() > end) throw new Error(`${what}: not within ${milliseconds} ms`)
    await wait(250)
  }
}

async function pushLayer(url: URL): Promise<string> {
  const { bytes, digest } = newBytes(100)
  const path = `/v2/source/app/blobs/uploads/?digest=${digest}`
  const response = await fetch(new URL(path, url), { method: 'POST', body: bytes })
  expect(response.status).toBe(201)
  return digest
}

/** Mounts a blob: the smallest change that has an event. */
async function mount(url: URL, repository: string, digest: string): Promise<void> {
  const path = `/v2/${repository}/blobs/uploads/?mount=${digest}&from=source/app`
  const response = await fetch(new URL(path, url), { method: 'POST' })
  expect(response.status).toBe(201)
  await response.arrayBuffer()
}

describe('one attempt', () => {
  it('ends with the answer, and never later than its timeout', async () => {
    receiver = await startReceiver((path) => Reflect.get(BEHAVIOURS, path))
    const { url: at } = receiver
    const names = Object.keys(BEHAVIOURS)
    const endpoint = { timeout: '700ms', secret: SECRET, repositories: ['target/app'] }
    const webhooks = [
      ...names.map((name) => ({ ...endpoint, name, url: at(name) })),
      { ...endpoint, name: 'nobody', url: 'http://127.0.0.1:1/' },
    ]
    const vars = { WEBHOOKS: JSON.stringify(webhooks), LOG_REQUESTS: 'false' }
    registry = await startLocal({ state: folder.path, vars })
    await mount(registry.url, 'target/app', await pushLayer(registry.url))
    const all = 'deliveries WHERE attempts > 0'
    await until(() => count(all) === webhooks.length, 'an attempt at each', 20_000)
    const outcomes = rows('SELECT endpoint, state, status, error, excerpt, ms FROM deliveries')
    const outcomeOf = (name: string) => outcomes.find((row) => row.endpoint === `var:${name}`)
    const failure = (status: number | null, error: unknown) => ({
      state: 'pending',
      status,
      error,
    })
    const success = (excerpt: string) => ({
      state: 'delivered',
      status: 200,
      error: null,
      excerpt,
    })
    const late = 'no answer within 700 ms'
    expect(outcomeOf('ok')).toMatchObject(success('thank you'))
    expect(outcomeOf('large')).toMatchObject(success('y'.repeat(1024)))
    expect(outcomeOf('endless')).toMatchObject(success('z'.repeat(1024)))
    expect(outcomeOf('error')).toMatchObject({
      ...failure(500, 'the answer is 500'),
      excerpt: 'x'.repeat(1024),
    })
    expect(outcomeOf('gone')).toMatchObject(failure(410, 'the answer is 410'))
    expect(outcomeOf('redirect')).toMatchObject(
      failure(307, 'the answer is 307: redirects are not followed'),
    )
    expect(outcomeOf('silent')).toMatchObject(failure(null, late))
    expect(outcomeOf('stuck')).toMatchObject(failure(200, late))
    expect(outcomeOf('reset')).toMatchObject(failure(null, expect.stringMatching(/./)))
    expect(outcomeOf('short')).toMatchObject(failure(200, expect.stringMatching(/./)))
    expect(outcomeOf('nobody')).toMatchObject(failure(null, expect.stringMatching(/./)))
    for (const { ms } of outcomes) expect(Number(ms)).toBeLessThan(1500)
    const [first] = receiver.received
    expect(first?.headers.get('content-type')).toBe(
      'application/vnd.docker.distribution.events.v1+json',
    )
    // The redirect led to /ok, which got its own delivery only.
    expect(receiver.received.filter(({ path }) => path === 'ok')).toHaveLength(1)
    for (const { headers, body } of receiver.received) {
      expect(deliveryProblem(SECRET, headers, body, Date.now() / 1000)).toBe(null)
    }
  })
})

/** Fails three times of ten, in every way. */
function unreliable(): Behaviour {
  const failures = [
    BEHAVIOURS.error,
    BEHAVIOURS.error,
    BEHAVIOURS.error,
    BEHAVIOURS.reset,
    BEHAVIOURS.reset,
    BEHAVIOURS.short,
    BEHAVIOURS.silent,
    BEHAVIOURS.stuck,
  ]
  return (response, delivered) => {
    const failing = Math.random() < 0.3
    const chosen = failures[Math.floor(Math.random() * failures.length)]
    return (failing && chosen ? chosen : BEHAVIOURS.ok)(response, delivered)
  }
}

describe('2,000 events', () => {
  it('are all delivered or dead letters, whatever the receiver does', async () => {
    const flaky = unreliable()
    receiver = await startReceiver((path) => (path === 'flaky' ? flaky : BEHAVIOURS.ok))
    const webhooks = [
      { name: 'good', url: receiver.url('good'), repositories: ['many/*', 'few/*'] },
      {
        name: 'flaky',
        url: receiver.url('flaky'),
        repositories: ['many/*', 'few/*'],
        timeout: '200ms',
        backoff: '1s',
      },
      { name: 'nobody', url: 'http://127.0.0.1:1/', repositories: ['few/*'], backoff: '1s' },
    ]
    const vars = { WEBHOOKS: JSON.stringify(webhooks), WEBHOOK_RETRY: '45s', LOG_REQUESTS: 'false' }
    registry = await startLocal({ state: folder.path, vars })
    const { url } = registry
    const digest = await pushLayer(url)
    const repositories = Array.from({ length: 2000 }, (_, index) =>
      index % 20 === 0 ? `few/r${index}` : `many/r${index}`,
    )
    const waiting = repositories.values()
    const client = async () => {
      for (const repository of waiting) await mount(url, repository, digest)
    }
    await Promise.all(Array.from({ length: 8 }, client))

    const ids = rows(`SELECT id, repository FROM events WHERE action = 'mount'`)
    expect(new Set(ids.map(({ repository }) => repository))).toEqual(new Set(repositories))
    await until(
      () =>
        count('events WHERE settled_at IS NULL') === 0 &&
        count(`deliveries WHERE state = 'pending'`) === 0,
      'the end of all deliveries',
      150_000,
    )
    const dead = rows('SELECT endpoint, event_id, error, event FROM dead_letters')
    const deadOf = (name: string) =>
      new Set(dead.filter(({ endpoint }) => endpoint === `var:${name}`).map((row) => row.event_id))
    const all = new Set(ids.map(({ id }) => id))
    const [good, taken, given] = [receiver.taken('good'), receiver.taken('flaky'), deadOf('flaky')]
    expect(good).toEqual(all)
    expect(taken.union(given)).toEqual(all)
    expect(taken.size).toBeGreaterThan(1000)
    expect(deadOf('nobody')).toEqual(
      new Set(ids.flatMap(({ id, repository }) => (/^few/.test(`${repository}`) ? [id] : []))),
    )
    const attempts = receiver.received.filter(({ path }) => path === 'flaky').length
    const failed =
      attempts - receiver.received.filter((one) => one.path === 'flaky' && one.isTaken).length
    console.log(
      `${attempts} attempts at the unreliable one, ${failed} of them failed; ` +
        `${taken.size} delivered, ${given.size} dead; ${dead.length} dead in all`,
    )
    expect(failed).toBeGreaterThan(200)
  }, 300_000)
})
