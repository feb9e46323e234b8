/** The parts that both lanes share: their context, the limit on parallel work, and the delay while D1 is unavailable. */
import type { Database } from '../../store/database/database.ts'
import type { Delivery, DeliveryKey } from '../../store/events/deliveries.ts'
import type { RegistryEvent } from '../model/event.ts'
import type { EventSettings } from '../model/event-settings.ts'
import { type EventMessage, queueDelay, type RetryMessage } from '../model/messages.ts'
import { delaySeconds, RETRY_FOR_MS } from './retry-schedule.ts'

export interface EventContext {
  db: Database
  /** The fast lane: events, each for all endpoints. */
  events: Queue<EventMessage>
  /** The slow lane: deliveries that wait. */
  retries: Queue<RetryMessage>
  settings: EventSettings
  /** Milliseconds since 1970; Date.now except in tests. */
  now: () => number
  /** Called with each event before the endpoints get it. If it throws, the event is delivered again later. */
  onEvent?: (event: RegistryEvent) => Promise<void>
}

/** An invocation may have six connections open, and D1 needs one. */
export const ENDPOINTS_AT_ONCE = 5

/** Runs `work` for each item, for at most `count` items at the same time. */
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

/** A delivery before its first attempt. */
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

/** A delivery's key as one string. */
export function deliveryKey({ endpoint, eventId }: DeliveryKey): string {
  return `${eventId} ${endpoint}`
}

/** Returns a message to its queue because D1 is unavailable. The delay grows each time. */
export function returnMessage(message: Message): void {
  message.retry({ delaySeconds: queueDelay(delaySeconds(message.attempts, RETRY_FOR_MS)) })
}
