/** What the queues carry: small enough for a message, and read again with care, since a queue keeps messages of older versions. */
import * as v from 'valibot'
import { logError } from '../lib/log.ts'
import { truncated } from '../store/outbox.ts'
import { isRegistryEvent, type RegistryEvent } from './event.ts'

/** In the fast lane; an event that is too large for a message is read from the outbox. */
export type EventMessage = { event: RegistryEvent } | { eventId: string }

/** In the slow lane: one delivery, which stands in the database. */
export interface RetryMessage {
  endpoint: string
  eventId: string
}

/** Cloudflare Queues takes 128 KB, and 256 KB or 100 messages at once; some of each is the queue's own. */
const MESSAGE_BYTES = 120_000
const BATCH_BYTES = 240_000
const BATCH_MESSAGES = 100

/** The longest that a queue delays: 12 hours. */
const MAX_DELAY_SECONDS = 12 * 60 * 60

/** The message that tells of an event; of one that is in the outbox, where it is large. */
export function eventMessage(event: RegistryEvent): EventMessage {
  return bytesOf(event) > MESSAGE_BYTES ? { eventId: event.id } : { event }
}

/** For an event that is in no outbox, such as a pull: without its references where it is large; null where it is so all the same. */
export function unrecordedMessage(event: RegistryEvent): EventMessage | null {
  if (bytesOf(event) <= MESSAGE_BYTES) return { event }
  const smaller = truncated(event)
  return bytesOf(smaller) > MESSAGE_BYTES ? null : { event: smaller }
}

/** As it is kept in the database. */
export function storedEvent(json: string): RegistryEvent | null {
  try {
    const event: unknown = JSON.parse(json)
    return isRegistryEvent(event) ? event : null
  } catch {
    return null
  }
}

const EventId = v.object({ eventId: v.pipe(v.string(), v.minLength(1)) })
const Retry = v.object({ eventId: v.pipe(v.string(), v.minLength(1)), endpoint: v.string() })

/** Null for what is none, which would be none the next time, too. */
export function parseEventMessage(body: unknown): EventMessage | null {
  if (body instanceof Object && 'event' in body) {
    return isRegistryEvent(body.event) ? { event: body.event } : null
  }
  const { success, output } = v.safeParse(EventId, body)
  return success ? output : null
}

export function parseRetryMessage(body: unknown): RetryMessage | null {
  const { success, output } = v.safeParse(Retry, body)
  return success ? output : null
}

/** Lets a message go that cannot be read: it would be no better the next time, and block others. */
export function refuse(message: Message, problem: string): void {
  const body = JSON.stringify(message.body)?.slice(0, 1024) ?? ''
  logError({ message: problem, id: message.id, body })
  message.ack()
}

export function eventIdOf(message: EventMessage): string {
  return 'event' in message ? message.event.id : message.eventId
}

/** Sends any number of messages, as many at once as the queue takes. */
export async function sendAll<T>(
  queue: Pick<Queue<T>, 'sendBatch'>,
  messages: readonly MessageSendRequest<T>[],
): Promise<void> {
  for (const batch of batchesOf(messages)) await queue.sendBatch(batch)
}

function batchesOf<T>(messages: readonly MessageSendRequest<T>[]): MessageSendRequest<T>[][] {
  // Whoever makes a message sees to its size.
  if (messages.length === 1) return [[...messages]]
  const batches: MessageSendRequest<T>[][] = []
  let room = 0
  for (const message of messages) {
    const bytes = bytesOf(message.body)
    const last = batches.at(-1)
    if (last === undefined || last.length === BATCH_MESSAGES || bytes > room) {
      batches.push([message])
      room = BATCH_BYTES - bytes
    } else {
      last.push(message)
      room -= bytes
    }
  }
  return batches
}

function bytesOf(body: unknown): number {
  return new TextEncoder().encode(JSON.stringify(body)).length
}

/** What a queue takes as a delay. */
export function queueDelay(seconds: number): number {
  return Math.min(Math.max(Math.ceil(seconds), 0), MAX_DELAY_SECONDS)
}
