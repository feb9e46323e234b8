/** What both lanes share: what they are given, how endpoints are served beside each other, and what is done when D1 is away. */
import type { Database, Statement } from '../store/database.ts'
import type { Delivery, DeliveryKey } from '../store/deliveries.ts'
import { saveEndpointStates } from '../store/endpoint-states.ts'
import type { KnownEndpoint } from './endpoints.ts'
import type { RegistryEvent } from './event.ts'
import type { EventSettings } from './event-settings.ts'
import { type EventMessage, queueDelay, type RetryMessage } from './messages.ts'
import { type BreakerState, CLOSED, postponeSeconds } from './retry-schedule.ts'

export interface EventContext {
  db: Database
  /** The fast lane: events, each for all endpoints. */
  events: Queue<EventMessage>
  /** The slow lane: deliveries that wait. */
  retries: Queue<RetryMessage>
  settings: EventSettings
  /** Milliseconds since the epoch; Date.now but for tests. */
  now: () => number
  /** Hears of each event before the endpoints do. Where it throws, the event comes again. */
  onEvent?: (event: RegistryEvent) => Promise<void>
}

/** An invocation may have six connections open, and D1 needs one. */
export const ENDPOINTS_AT_ONCE = 5

/** After so long in one batch an endpoint gets nothing more of it: a batch has 15 minutes, and others wait for the next one. */
export const TURN_MS = 10_000

/** Does `work` for each item, for at most `count` of them at the same time. */
export async function forEachAtMost<T>(
  count: number,
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = items.values()
  const worker = async () => {
    for (const item of waiting) await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(count, items.length) }, worker))
}

/** The state of an endpoint while a batch goes on; what is left of it is written at its end. */
export interface Turn {
  endpoint: KnownEndpoint
  state: BreakerState
}

/** None where nothing changed: an endpoint that is well costs no write. */
export function changedStates(db: Database, turns: readonly Turn[], now: number): Statement[] {
  const changed = turns.filter(
    ({ endpoint, state }) => state !== endpoint.state && !isWell(endpoint.state, state),
  )
  if (changed.length === 0) return []
  const states = changed.map(({ endpoint, state }) => ({
    endpoint: endpoint.id,
    failures: state.consecutiveFailures,
    openUntil: state.openUntil,
  }))
  return [saveEndpointStates(db, states, now)]
}

function isWell(...states: BreakerState[]): boolean {
  return states.every(({ consecutiveFailures }) => consecutiveFailures === 0)
}

/** A delivery as it is before its first attempt. */
export function newDelivery(
  endpoint: string,
  { id, action, target }: RegistryEvent,
  now: number,
): Delivery {
  return {
    eventId: id,
    endpoint,
    state: 'pending',
    action,
    repository: target.repository,
    event: null,
    attempts: 0,
    firstAt: now,
    nextAt: null,
    status: null,
    ms: null,
    error: null,
    excerpt: null,
  }
}

export function keyOf({ endpoint, eventId }: DeliveryKey): string {
  return `${eventId} ${endpoint}`
}

/** Gives a message back because something of the registry's own is away; it waits longer each time. */
export function giveBack(message: Message, now: number): void {
  message.retry({ delaySeconds: queueDelay(postponeSeconds(message.attempts, CLOSED, now)) })
}
