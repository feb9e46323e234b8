/**
 * Messages of the queues. Their size is limited. A message may come from an older version of the Worker, because a queue keeps it for days.
 */
import * as v from 'valibot'
import { logError } from '../../lib/log.ts'
import { truncated } from '../../store/events/outbox.ts'
import { isRegistryEvent, type RegistryEvent } from './event.ts'

/** A message of the fast lane. An event that is too large for a message stays in the outbox, and the message has its id. */
export type EventMessage = { event: RegistryEvent } | { eventId: string }

/** A message of the slow lane: the key of one delivery in the database. */
export interface RetryMessage {
  endpoint: string
  eventId: string
}

/** Cloudflare Queues accepts messages of 128 KB, and batches of 256 KB or 100 messages. The queue adds some bytes to each. */
const MESSAGE_BYTES = 120_000
const BATCH_BYTES = 240_000
const BATCH_MESSAGES = 100

/** The longest delay of a queue: 12 hours. */
const MAX_DELAY_SECONDS = 12 * 60 * 60

/** The message of an event that is in the outbox. */
export function eventMessage(event: RegistryEvent): EventMessage {
  return bytesOf(event) > MESSAGE_BYTES ? { eventId: event.id } : { event }
}

/**
 * The message of an event that is not in the outbox, such as a pull. A large event is sent without its references. Null if it is still too
 * large.
 */
export function unrecordedMessage(event: RegistryEvent): EventMessage | null {
  if (bytesOf(event) <= MESSAGE_BYTES) return { event }
  const smaller = truncated(event)
  return bytesOf(smaller) > MESSAGE_BYTES ? null : { event: smaller }
}

/** Parses an event from the database. Null if it is not valid. */
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

/** Null if the body is not a message of the fast lane. */
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

export interface ReadMessage<Body> {
  message: Message
  body: Body
}

/** The messages that `parse` can read. The others are dropped, and `problem` is logged. */
export function readMessages<Body>(
  messages: readonly Message[],
  parse: (body: unknown) => Body | null,
  problem: string,
): ReadMessage<Body>[] {
  return messages.flatMap((message) => {
    const body = parse(message.body)
    if (body === null) dropUnreadable(message, problem)
    return body === null ? [] : [{ message, body }]
  })
}

/** Acknowledges a message that cannot be parsed. It would fail each time it came, and block others. */
export function dropUnreadable(message: Message, problem: string): void {
  const body = JSON.stringify(message.body)?.slice(0, 1024) ?? ''
  logError({ message: problem, id: message.id, body })
  message.ack()
}

export function eventIdOf(message: EventMessage): string {
  return 'event' in message ? message.event.id : message.eventId
}

/** Sends any number of messages, in as few batches as the limits allow. */
export async function sendAll<T>(
  queue: Pick<Queue<T>, 'sendBatch'>,
  messages: readonly MessageSendRequest<T>[],
): Promise<void> {
  for (const batch of batchesOf(messages)) await queue.sendBatch(batch)
}

function batchesOf<T>(messages: readonly MessageSendRequest<T>[]): MessageSendRequest<T>[][] {
  // A single message is never measured: its maker kept it below MESSAGE_BYTES.
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

/** The nearest delay that a queue accepts: whole seconds, from 0 to 12 hours. */
export function queueDelay(seconds: number): number {
  return Math.min(Math.max(Math.ceil(seconds), 0), MAX_DELAY_SECONDS)
}
