/** Deliveries over HTTP: a test of an endpoint, what became of its events, and what is sent again. */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { newDelivery } from '../../../../src/events/delivery/lanes.ts'
import { newEvent } from '../../../../src/events/model/event.ts'
import type { RetryMessage } from '../../../../src/events/model/messages.ts'
import type { Database } from '../../../../src/store/database/database.ts'
import { buryDeliveries } from '../../../../src/store/events/dead-letters.ts'
import { type DeliveryKey, putDeliveries } from '../../../../src/store/events/deliveries.ts'
import { bindings } from '../../../support/registry.ts'
import { deliveryProblem } from '../../../support/standard-webhooks.ts'
import { call, environment, failure } from '../support.ts'

const CREDENTIAL = 'a-token-that-nobody-may-see'
const db: Database = bindings.DB

const VARIABLE = 'var:fixed'
const WEBHOOKS = JSON.stringify([
  {
    name: 'fixed',
    url: 'https://fixed.example/hook',
    headers: { Authorization: `Bearer ${CREDENTIAL}` },
    timeout: '50ms',
  },
])

/** What was given to the slow lane. */
let queued: RetryMessage[] = []
let queueIsAway = false

const RETRIES: Pick<Queue<RetryMessage>, 'sendBatch'> = {
  async sendBatch(messages) {
    if (queueIsAway) throw new Error('the queue is away')
    for (const { body } of messages) queued.push(body)
    return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } }
  },
}
const env = {
  ...environment,
  WEBHOOKS,
  RETRIES: Object.assign(Object.create(environment.RETRIES), RETRIES),
}

interface Request {
  url: string
  headers: Headers
  body: string
}

let received: Request[] = []
let answer: () => Response | Promise<Response>

beforeEach(async () => {
  queued = []
  queueIsAway = false
  received = []
  answer = () => new Response('thanks')
  vi.spyOn(console, 'error').mockReturnValue(undefined)
  vi.spyOn(globalThis, 'fetch').mockImplementation((input, init) => {
    const request = { url: String(input), headers: new Headers(init?.headers) }
    received.push({ ...request, body: String(init?.body) })
    return Promise.race([
      answer(),
      new Promise<never>((_, reject) => {
        init?.signal?.addEventListener('abort', () => reject(init.signal?.reason))
      }),
    ])
  })
  const tables = ['webhooks', 'audit', 'deliveries', 'dead_letters', 'endpoint_states']
  await db.batch(tables.map((table) => db.prepare(`DELETE FROM ${table}`)))
})

afterEach(() => {
  vi.restoreAllMocks()
})

async function get<T>(path: string): Promise<T> {
  return (await call<T>('GET', path, { environment: env })).body
}

async function post<T>(path: string, body?: object): Promise<T> {
  return (await call<T>('POST', path, { environment: env, body })).body
}

async function refusal(path: string, body: object): Promise<string> {
  return failure('POST', path, { environment: env, body })
}

async function create(body: object = {}): Promise<{ id: string; secret: string }> {
  return post('/webhooks', { name: 'ci', url: 'https://ci.example/hook', ...body })
}

async function audited(action: string): Promise<unknown[]> {
  const { entries } = await get<{ entries: { action: string; target: string; detail: unknown }[] }>(
    '/audit',
  )
  return entries
    .filter((entry) => entry.action === action)
    .map(({ target, detail }) => ({ target, detail }))
}

const REQUEST = { id: 'r', addr: '', host: 'registry.test', method: 'PUT', useragent: '' }

/** A delivery that waits, made at that time. */
async function wait(endpoint: string, at: number, extra: object = {}): Promise<DeliveryKey> {
  const event = newEvent('push', { repository: 'team/app' }, REQUEST, '')
  const pending = { event: JSON.stringify(event), attempts: 3, nextAt: at, ...extra }
  await db.batch(putDeliveries(db, [{ ...newDelivery(endpoint, event, at), ...pending }], at))
  return { endpoint, eventId: event.id }
}

async function giveUp(endpoint: string, at: number): Promise<DeliveryKey> {
  const key = await wait(endpoint, at, { error: 'the answer is 500', status: 500, ms: 12 })
  await db.batch(buryDeliveries(db, [key], at))
  return key
}

interface Ping {
  eventId: string
  status: number | null
  ms: number
  error: string | null
  excerpt: string | null
}

interface Listed {
  eventId: string
  state: string
  [field: string]: unknown
}

interface Letter {
  id: number
  eventId: string
  replayedAt: string | null
  [field: string]: unknown
}

async function deliveriesOf(id: string, query = ''): Promise<Listed[]> {
  return (await get<{ deliveries: Listed[] }>(`/webhooks/${id}/deliveries${query}`)).deliveries
}

async function lettersOf(id: string): Promise<Letter[]> {
  return (await get<{ deadLetters: Letter[] }>(`/webhooks/${id}/dead-letters`)).deadLetters
}

describe('a ping', () => {
  it('is delivered at once, signed, and returns the result', async () => {
    answer = () => new Response('took it', { status: 202 })
    const { id, secret } = await create({ headers: { 'X-A': 'b' }, actions: ['delete'] })
    const pong = await post<Ping>(`/webhooks/${id}/ping`)
    expect(pong).toMatchObject({ status: 202, error: null, excerpt: 'took it' })
    const [{ url, headers, body } = { url: '', headers: new Headers(), body: '' }, ...more] =
      received
    expect(more).toEqual([])
    expect(url).toBe('https://ci.example/hook')
    expect(headers.get('X-A')).toBe('b')
    expect(headers.get('webhook-id')).toBe(pong.eventId)
    expect(deliveryProblem(secret, headers, body, Date.now() / 1000)).toBeNull()
    expect(JSON.parse(body)).toMatchObject({
      events: [{ id: pong.eventId, action: 'pull', target: { repository: 'berth/ping', size: 2 } }],
    })
    expect(await deliveriesOf(id)).toEqual([])
    expect(await audited('webhook.ping')).toEqual([
      { target: id, detail: { name: 'ci', eventId: pong.eventId, status: 202 } },
    ])
  })

  it('is signed with both secrets while one is replaced', async () => {
    const { id, secret: old } = await create()
    const { secret } = await post<{ secret: string }>(`/webhooks/${id}/rotate-secret`, {})
    await post(`/webhooks/${id}/ping`)
    await post(`/webhooks/${id}/rotate-secret`, { overlap: '0s' })
    await post(`/webhooks/${id}/ping`)
    const problems = received.map(({ headers, body }) =>
      [old, secret].map((one) => deliveryProblem(one, headers, body, Date.now() / 1000)),
    )
    expect(problems).toEqual([
      [null, null],
      ['no signature fits', 'no signature fits'],
    ])
  })

  it.each([
    ['an answer that is no success', () => new Response('no', { status: 500 }), 500, /500/],
    ['a redirect', () => Response.redirect('https://else.example/', 307), 307, /not followed/],
    ['no connection', () => Promise.reject(new TypeError('nobody there')), null, /nobody there/],
    ['no answer in time', () => new Promise<Response>(() => {}), null, /within 50 ms/],
  ])('reports %s', async (_, how, status, error) => {
    answer = how
    const pong = await post<Ping>(`/webhooks/${VARIABLE}/ping`)
    expect(pong).toMatchObject({ status, error: expect.stringMatching(error) })
    expect(received).toHaveLength(1)
    expect(await get(`/webhooks/${VARIABLE}`)).toMatchObject({ failures: 0 })
  })

  it('is also sent to a disabled webhook', async () => {
    const { id } = await create({ disabled: true })
    expect(await post(`/webhooks/${id}/ping`)).toMatchObject({ status: 200, error: null })
  })

  it('is not sent to an address that is no longer allowed', async () => {
    const { id } = await create()
    const listed = { ...env, WEBHOOKS: '[]', WEBHOOK_HOSTS: 'other.example' }
    const options = { environment: listed }
    const { body } = await call('POST', `/webhooks/${id}/ping`, options)
    expect(body).toMatchObject({ status: null, error: expect.stringMatching(/not in the list/) })
    expect(received).toEqual([])
  })

  it('hides a credential that the receiver sends back', async () => {
    answer = () => new Response(JSON.stringify(Object.fromEntries(received[0]?.headers ?? [])))
    const { excerpt } = await post<Ping>(`/webhooks/${VARIABLE}/ping`)
    expect(excerpt).toContain('"authorization":"•••"')
    expect(excerpt).not.toContain(CREDENTIAL)
    answer = () => new Response(`the token ${CREDENTIAL} is not valid`, { status: 401 })
    const refused = await post<Ping>(`/webhooks/${VARIABLE}/ping`)
    expect(refused.excerpt).toBe('the token ••• is not valid')
  })
})

describe('the deliveries', () => {
  it('are those of the webhook, the last changed first', async () => {
    const { id } = await create()
    const pending = await wait(id, 1000, { error: 'the answer is 503', status: 503, ms: 7 })
    const dead = await giveUp(id, 3000)
    const done = { state: 'delivered', event: null, nextAt: null, status: 200, ms: 5 }
    const delivered = await wait(id, 2000, { ...done, excerpt: 'ok' })
    const other = await wait(VARIABLE, 1000, { excerpt: `got ${CREDENTIAL}` })
    const listed = await deliveriesOf(id)
    expect(listed.map(({ eventId, state }) => [eventId, state])).toEqual([
      [dead.eventId, 'dead'],
      [delivered.eventId, 'delivered'],
      [pending.eventId, 'pending'],
    ])
    expect(listed[2]).toEqual({
      eventId: pending.eventId,
      action: 'push',
      repository: 'team/app',
      state: 'pending',
      attempts: 3,
      status: 503,
      ms: 7,
      error: 'the answer is 503',
      excerpt: null,
      firstAt: '1970-01-01T00:00:01.000Z',
      nextAt: '1970-01-01T00:00:01.000Z',
      updatedAt: '1970-01-01T00:00:01.000Z',
    })
    const only = await deliveriesOf(id, '?state=delivered')
    expect(only).toMatchObject([{ eventId: delivered.eventId, excerpt: 'ok', nextAt: null }])
    const [fixed, ...none] = await deliveriesOf(VARIABLE)
    expect(fixed).toMatchObject({ eventId: other.eventId, excerpt: 'got •••' })
    expect(none).toEqual([])
    const path = `/webhooks/${id}/deliveries?state=lost`
    expect(await failure('GET', path, { environment: env })).toMatch(/^400/)
  })

  it('are at most a hundred', async () => {
    const deliveries = Array.from({ length: 101 }, () => {
      const event = newEvent('push', { repository: 'a' }, REQUEST, '')
      return { ...newDelivery(VARIABLE, event, 1), event: '{}', nextAt: 1 }
    })
    await db.batch(putDeliveries(db, deliveries, 1))
    expect(await deliveriesOf(VARIABLE)).toHaveLength(100)
  })
})

describe('dead letters', () => {
  it('are listed in pages, the newest first', async () => {
    const { id } = await create()
    await giveUp(VARIABLE, 1000)
    const keys = [await giveUp(id, 1000), await giveUp(id, 2000), await giveUp(id, 3000)]
    const newest = keys.map(({ eventId }) => eventId).toReversed()
    const all = await lettersOf(id)
    expect(all.map(({ eventId }) => eventId)).toEqual(newest)
    expect(all[0]).toEqual({
      id: expect.any(Number),
      eventId: newest[0],
      action: 'push',
      repository: 'team/app',
      attempts: 3,
      error: 'the answer is 500',
      at: '1970-01-01T00:00:03.000Z',
      replayedAt: null,
    })
    const path = `/webhooks/${id}/dead-letters`
    const { body, headers } = await call<{ deadLetters: Letter[] }>('GET', `${path}?n=2`, {
      environment: env,
    })
    expect(body.deadLetters).toEqual(all.slice(0, 2))
    expect(headers.get('Link')).toBe(`</api/v1${path}?before=${all[1]?.id}&n=2>; rel="next"`)
    const rest = await get<{ deadLetters: Letter[] }>(`${path}?n=2&before=${all[1]?.id}`)
    expect(rest.deadLetters).toEqual(all.slice(2))
    for (const query of ['n=0', 'n=101', 'before=0', 'before=x', 'last=1']) {
      const said = await failure('GET', `${path}?${query}`, { environment: env })
      expect(said, query).toMatch(/^400 REQUEST_INVALID/)
    }
  })

  it('are listed even if the event is not readable', async () => {
    await giveUp(VARIABLE, 1000)
    await db.prepare(`UPDATE dead_letters SET event = 'poison'`).run()
    expect(await lettersOf(VARIABLE)).toMatchObject([{ action: null, repository: null }])
  })
})

describe('a replay', () => {
  it('of one dead letter makes it a delivery again, and queues it', async () => {
    const { id } = await create()
    const [key] = [await giveUp(id, 1000), await giveUp(id, 2000)]
    const letter = (await lettersOf(id)).find(({ eventId }) => eventId === key?.eventId)
    const body = { deadLetter: letter?.id }
    expect(await post(`/webhooks/${id}/replay`, body)).toEqual({ replayed: 1, more: false })
    expect(queued).toEqual([key])
    expect(await deliveriesOf(id, '?state=pending')).toMatchObject([
      { eventId: key?.eventId, attempts: 0 },
    ])
    const again = (await lettersOf(id)).map(({ replayedAt }) => replayedAt !== null)
    expect(again).toEqual([false, true])
    expect(await audited('webhook.replay')).toEqual([
      { target: id, detail: { name: 'ci', deadLetter: letter?.id, replayed: 1 } },
    ])
  })

  it('of all since a time leaves out those that are older, replayed, or of another webhook', async () => {
    const { id } = await create()
    await giveUp(id, 1000)
    const keys = [await giveUp(id, 2000), await giveUp(id, 3000)]
    await giveUp(VARIABLE, 3000)
    const since = '1970-01-01T00:00:02Z'
    const path = `/webhooks/${id}/replay`
    expect(await post(path, { since })).toEqual({ replayed: 2, more: false })
    expect(queued).toEqual(keys)
    expect(await post(path, { since })).toEqual({ replayed: 0, more: false })
    expect(queued).toHaveLength(2)
    expect(await audited('webhook.replay')).toMatchObject([
      { detail: { since: '1970-01-01T00:00:02.000Z', replayed: 0 } },
      { detail: { replayed: 2 } },
    ])
  })

  it('works for webhooks of the variable', async () => {
    const key = await giveUp(VARIABLE, 1000)
    const since = '1970-01-01T00:00:00Z'
    expect(await post(`/webhooks/${VARIABLE}/replay`, { since })).toMatchObject({ replayed: 1 })
    expect(queued).toEqual([key])
  })

  it('of very many takes several requests', async () => {
    const event = JSON.stringify(newEvent('push', { repository: 'a' }, REQUEST, ''))
    await db
      .prepare(
        `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1001)
        INSERT INTO dead_letters (endpoint, event_id, event, error, attempts, at)
        SELECT ?1, 'e' || i, ?2, 'x', 1, i FROM n`,
      )
      .bind(VARIABLE, event)
      .run()
    const again = () => post(`/webhooks/${VARIABLE}/replay`, { since: '1970-01-01T00:00:00Z' })
    expect(await again()).toEqual({ replayed: 1000, more: true })
    expect(await again()).toEqual({ replayed: 1, more: false })
    expect(new Set(queued.map(({ eventId }) => eventId)).size).toBe(1001)
  })

  it('is left to the sweep if the queue is unavailable', async () => {
    queueIsAway = true
    await giveUp(VARIABLE, 1000)
    const since = '1970-01-01T00:00:00Z'
    expect(await post(`/webhooks/${VARIABLE}/replay`, { since })).toMatchObject({ replayed: 1 })
    expect(await deliveriesOf(VARIABLE)).toMatchObject([{ state: 'pending' }])
  })

  it('is refused for a dead letter of another webhook', async () => {
    const { id } = await create()
    await giveUp(VARIABLE, 1000)
    const [letter] = await lettersOf(VARIABLE)
    const path = `/webhooks/${id}/replay`
    const told = '404 NOT_FOUND: the webhook has no such dead letter'
    expect(await refusal(path, { deadLetter: letter?.id })).toBe(told)
    expect(await refusal(path, { deadLetter: 1_000_000 })).toBe(told)
    expect(queued).toEqual([])
    expect(await audited('webhook.replay')).toEqual([])
    expect(await lettersOf(VARIABLE)).toEqual([letter])
  })

  it('is refused for a disabled webhook: the deliveries would be given up again', async () => {
    const { id } = await create({ disabled: true })
    await giveUp(id, 1000)
    const said = await refusal(`/webhooks/${id}/replay`, { since: '1970-01-01T00:00:00Z' })
    expect(said).toMatch(/^409 CONFLICT: ci is disabled/)
    expect(await lettersOf(id)).toMatchObject([{ replayedAt: null }])
  })

  it.each([
    [{}, 'takes either deadLetter or since'],
    [{ deadLetter: 1, since: '1970-01-01T00:00:00Z' }, 'takes either deadLetter or since'],
    [{ since: 'yesterday' }, 'since: Invalid ISO datetime'],
    [{ deadLetter: '1' }, 'deadLetter: Invalid input'],
    [{ deadLetter: 0 }, 'deadLetter: Too small'],
    [{ all: true }, 'all: unknown field'],
  ])('refuses %j', async (body, problem) => {
    const said = await refusal(`/webhooks/${VARIABLE}/replay`, body)
    expect(said).toContain(`400 REQUEST_INVALID: invalid request: ${problem}`)
  })
})
