/**
 * What the tests of deliveries share: receivers behind `fetch`, a transport that carries messages as a queue does but in the time
 * of a clock that can be put forward, and looks at what is kept. Real sockets and real queues: test/node/events.test.ts.
 */

import { env } from 'cloudflare:workers'
import { vi } from 'vitest'
import { consumeEvents } from '../../src/events/delivery/consumer.ts'
import type { EventContext } from '../../src/events/delivery/lanes.ts'
import { type EventTarget, newEvent, type RegistryEvent } from '../../src/events/model/event.ts'
import type { EventSettings } from '../../src/events/model/event-settings.ts'
import type { EventMessage, RetryMessage } from '../../src/events/model/messages.ts'
import { endpointOf } from '../../src/events/webhooks/endpoint.ts'
import type { EndpointConfiguration } from '../../src/events/webhooks/endpoint-configuration.ts'
import type { Database } from '../../src/store/database/database.ts'
import { type DeliveryState, listDeliveries } from '../../src/store/events/deliveries.ts'
import { recordEvent } from '../../src/store/events/outbox.ts'

export const db: Database = env.DB

export const EVENTS = 'berth-events'
export const RETRIES = 'berth-retries'
export const DEAD = 'berth-events-dead'

/** As in wrangler.toml. */
const MAX_RETRIES = 100

export const SECOND = 1000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE

const realNow = Date.now.bind(Date)
let ahead = 0

/** Puts the clock forward; it goes on from there. */
export function passTime(milliseconds: number): void {
  ahead += milliseconds
}

export interface Received {
  id: string
  headers: Headers
  body: string
  at: number
}

type Answer = (received: Received, signal: AbortSignal) => Response | Promise<Response>

/** A receiver at `https://<name>.example/`. */
export interface Receiver {
  name: string
  received: Received[]
  answer: Answer
  /** Without repetitions, in the order of their first arrival. */
  ids(): string[]
}

const receivers = new Map<string, Receiver>()

export const OK: Answer = () => new Response('thanks')
export const FAIL: Answer = () => new Response('no', { status: 500 })
/** Until the attempt is given up. */
export const HANG: Answer = (_, signal) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
  })

export function receiver(name: string, answer: Answer = OK): Receiver {
  const made: Receiver = {
    name,
    received: [],
    answer,
    ids: () => [...new Set(made.received.map(({ id }) => id))],
  }
  receivers.set(`${name}.example`, made)
  return made
}

async function receive(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const url = new URL(String(input))
  const found = receivers.get(url.hostname)
  if (found === undefined) throw new TypeError(`nobody listens at ${url.host}`)
  const headers = new Headers(init?.headers)
  const id = headers.get('webhook-id') ?? ''
  const received = { id, headers, body: String(init?.body), at: Date.now() }
  found.received.push(received)
  return found.answer(received, init?.signal ?? new AbortController().signal)
}

/** For beforeEach: nothing is kept, nobody listens, and the clock is right. */
export async function beginAnew(): Promise<void> {
  vi.restoreAllMocks()
  ahead = 0
  receivers.clear()
  vi.spyOn(Date, 'now').mockImplementation(() => realNow() + ahead)
  vi.spyOn(globalThis, 'fetch').mockImplementation(receive)
  vi.spyOn(console, 'error').mockReturnValue(undefined)
  const tables = ['events', 'webhooks', 'endpoint_states', 'deliveries', 'dead_letters']
  await db.batch(tables.map((table) => db.prepare(`DELETE FROM ${table}`)))
}

/** What is written for a receiver; each attempt has a tenth of a second. */
export function endpointFor(
  { name }: { name: string },
  extra: Partial<EndpointConfiguration> = {},
): EndpointConfiguration {
  return { name, url: `https://${name}.example/hook`, timeout: '100ms', ...extra }
}

function settingsFor(
  endpoints: readonly EndpointConfiguration[],
  extra: Partial<EventSettings> = {},
): EventSettings {
  return {
    webhooks: endpoints.map(endpointOf),
    webhookHosts: [],
    webhookRetryMs: 24 * HOUR,
    eventDays: 7,
    allowLoopback: false,
    ...extra,
  }
}

const REQUEST = { id: 'r', addr: '192.0.2.1', host: 'registry.test', method: 'PUT', useragent: 't' }

export function anEvent(
  target: Partial<EventTarget> = {},
  action: RegistryEvent['action'] = 'push',
): RegistryEvent {
  const made = newEvent(action, { repository: 'team/app', tag: 'latest', ...target }, REQUEST, '')
  return { ...made, timestamp: new Date(Date.now()).toISOString() }
}

/** Events that are in the outbox, a millisecond apart. */
export async function recordedEvents(count: number): Promise<RegistryEvent[]> {
  const from = Date.now()
  const events = Array.from({ length: count }, (_, index) => ({
    ...anEvent({ tag: `t${index}` }),
    timestamp: new Date(from + index).toISOString(),
  }))
  await db.batch(events.map((event) => recordEvent(db, event)))
  return events
}

interface Carried {
  id: string
  queue: string
  body: unknown
  attempts: number
  dueAt: number
}

/** Queues in the time of the clock: with delays, batches, retries and their dead letter queue. */
export class Transport {
  carried: Carried[] = []
  readonly context: EventContext
  #sent = 0

  constructor(endpoints: readonly EndpointConfiguration[], extra: Partial<EventSettings> = {}) {
    this.context = {
      db,
      events: this.#queue<EventMessage>(EVENTS),
      retries: this.#queue<RetryMessage>(RETRIES),
      settings: settingsFor(endpoints, extra),
      now: () => Date.now(),
    }
  }

  /** The bodies that are on their way. */
  bodies(queue: string): unknown[] {
    return this.carried.filter((one) => one.queue === queue).map(({ body }) => body)
  }

  send(queue: string, bodies: readonly unknown[], attempts = 1): void {
    for (const body of bodies) this.#send(queue, body, 0, attempts)
  }

  /** Hands all that is due in a queue to the consumer, in batches. Returns how many messages that were. */
  async deliver(queue: string): Promise<number> {
    const due = this.carried.filter((one) => one.queue === queue && one.dueAt <= Date.now())
    for (let at = 0; at < due.length; at += 100) await this.#consume(queue, due.slice(at, at + 100))
    return due.length
  }

  /** Lets time pass until nothing is on its way any more, or `milliseconds` are over. */
  async run(milliseconds: number): Promise<void> {
    const end = Date.now() + milliseconds
    for (;;) {
      const next = this.carried.toSorted((one, other) => one.dueAt - other.dueAt)[0]
      if (next === undefined || next.dueAt > end) break
      if (next.dueAt > Date.now()) passTime(next.dueAt - Date.now())
      await this.deliver(next.queue)
    }
    passTime(Math.max(0, end - Date.now()))
  }

  async #consume(queue: string, due: readonly Carried[]): Promise<void> {
    const outcomes = new Map<string, 'acked' | { delaySeconds: number }>()
    const decide = (id: string, outcome: 'acked' | { delaySeconds: number }) => {
      if (!outcomes.has(id)) outcomes.set(id, outcome)
    }
    const messages = due.map(({ id, body, attempts }) => ({
      id,
      body,
      attempts,
      timestamp: new Date(0),
      ack: () => decide(id, 'acked'),
      retry: (options?: QueueRetryOptions) =>
        decide(id, { delaySeconds: options?.delaySeconds ?? 0 }),
    }))
    const all = () => {
      throw new Error('messages are acknowledged one by one')
    }
    const metadata = { metrics: { backlogCount: 0, backlogBytes: 0 } }
    await consumeEvents({ queue, messages, metadata, ackAll: all, retryAll: all }, this.context)
    for (const message of due) {
      const outcome = outcomes.get(message.id)
      if (outcome === undefined) throw new Error('neither acknowledged nor retried')
      this.carried.splice(this.carried.indexOf(message), 1)
      if (outcome === 'acked') continue
      if (message.attempts > MAX_RETRIES) this.#send(DEAD, message.body, 0, 1)
      else this.#send(queue, message.body, outcome.delaySeconds, message.attempts + 1)
    }
  }

  #send(queue: string, body: unknown, delaySeconds: number, attempts: number): void {
    this.#sent += 1
    const dueAt = Date.now() + delaySeconds * 1000
    this.carried.push({ id: `m${this.#sent}`, queue, body: structuredClone(body), attempts, dueAt })
  }

  #queue<T>(name: string): Queue<T> {
    const metrics = { backlogCount: 0, backlogBytes: 0 }
    const answer = { metadata: { metrics } }
    return {
      metrics: async () => metrics,
      send: async (body, options) => {
        this.#send(name, body, options?.delaySeconds ?? 0, 1)
        return answer
      },
      sendBatch: async (messages) => {
        for (const { body, delaySeconds } of messages) this.#send(name, body, delaySeconds ?? 0, 1)
        return answer
      },
    }
  }
}

/** How the deliveries of an endpoint of the variable stand: the number in each state. */
export async function standing(name: string): Promise<Partial<Record<DeliveryState, number>>> {
  const states = ['pending', 'delivered', 'dead'] as const
  const all = await listDeliveries(db, `var:${name}`, states, 10_000)
  const counts: Partial<Record<DeliveryState, number>> = {}
  for (const { state } of all) counts[state] = (counts[state] ?? 0) + 1
  return counts
}

export async function unsettled(): Promise<number> {
  const row = await db
    .prepare('SELECT count(*) AS n FROM events WHERE settled_at IS NULL')
    .first<{ n: number }>()
  return row?.n ?? -1
}

/** Events whose first attempt failed: they are on their way in the slow lane. */
export async function failedFirst(
  transport: Transport,
  count: number,
): Promise<ReturnType<typeof recordedEvents>> {
  const events = await recordedEvents(count)
  transport.send(
    EVENTS,
    events.map((event) => ({ event })),
  )
  await transport.deliver(EVENTS)
  return events
}
