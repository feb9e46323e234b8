/**
 * The fast lane: each event's first attempt at every endpoint that wants it. All endpoints are served beside each other, and each
 * gets its events in order, one at a time. One that failed last time is not waited for: its deliveries go to the slow lane
 * (retries.ts), and so does what is left of a batch after a first failure, so that an endpoint that hangs costs the others one
 * timeout. What happened is written in one D1 batch, after which the messages are acknowledged; when that fails they come back,
 * and what was delivered is delivered again, under the same id.
 */
import { logError } from '../lib/log.ts'
import {
  type Delivery,
  type DeliveryKeyRow,
  deliveryKeysOf,
  putDeliveries,
} from '../store/deliveries.ts'
import { type EventRow, eventJson, eventsById, settleEvents } from '../store/outbox.ts'
import { deliver } from './deliver.ts'
import { wants } from './endpoint-filter.ts'
import { endpointStatements, type KnownEndpoint, readEndpoints } from './endpoints.ts'
import type { RegistryEvent } from './event.ts'
import { addressOptions } from './event-settings.ts'
import {
  changedStates,
  ENDPOINTS_AT_ONCE,
  type EventContext,
  forEachAtMost,
  giveBack,
  keyOf,
  newDelivery,
  TURN_MS,
  type Turn,
} from './lanes.ts'
import {
  type EventMessage,
  eventIdOf,
  parseEventMessage,
  queueDelay,
  refuse,
  sendAll,
  storedEvent,
} from './messages.ts'
import { secondsToRetry, secondsToWait } from './pace.ts'
import { afterFailure, CLOSED } from './retry-schedule.ts'

export async function fanOut(batch: MessageBatch, context: EventContext): Promise<void> {
  const readable = readableEvents(batch)
  try {
    if (readable.length > 0) {
      await deliverFirst(
        readable.map(({ body }) => body),
        context,
      )
    }
    for (const { message } of readable) message.ack()
  } catch (error) {
    logError(
      { message: 'events were not fanned out, and come again', count: readable.length },
      error,
    )
    for (const { message } of readable) giveBack(message, context.now())
  }
}

/** Refuses the messages that are none. */
function readableEvents({ messages }: MessageBatch): { message: Message; body: EventMessage }[] {
  return messages.flatMap((message) => {
    const body = parseEventMessage(message.body)
    if (body === null) refuse(message, 'a message is no event')
    return body === null ? [] : [{ message, body }]
  })
}

async function deliverFirst(
  messages: readonly EventMessage[],
  context: EventContext,
): Promise<void> {
  const { db, now } = context
  const due = await findDue(messages, context)
  const turns = due.endpoints.map((endpoint) =>
    takeTurn(endpoint, due.eventsFor(endpoint), context),
  )
  await forEachAtMost(ENDPOINTS_AT_ONCE, turns, (turn) => turn.run())
  const deliveries = turns.flatMap(({ deliveries }) => deliveries)
  const written = now()
  await db.batch([
    ...putDeliveries(db, deliveries, written),
    ...changedStates(db, turns, written),
    settleEvents(db, due.ids, written),
  ])
  await sendToSlowLane(deliveries, context)
}

/** What a batch asks for and is not done yet. */
export interface Due {
  ids: string[]
  endpoints: KnownEndpoint[]
  /** In the order in which they happened. */
  eventsFor(endpoint: KnownEndpoint): RegistryEvent[]
}

/** In one round trip: the endpoints, and which of these events are new to which of them. */
export async function findDue(
  messages: readonly EventMessage[],
  { db, settings, now }: EventContext,
): Promise<Due> {
  const ids = [...new Set(messages.map(eventIdOf))]
  // As in loadEndpoints: the rows of each result are of another kind.
  const [webhooks, states, known, recorded] = await db.batch<never>([
    ...endpointStatements(db),
    deliveryKeysOf(db, ids),
    eventsById(
      db,
      ids,
      messages.flatMap((message) => ('event' in message ? [] : [message.eventId])),
    ),
  ])
  const endpoints = readEndpoints(webhooks?.results ?? [], states?.results ?? [], settings, now())
  const knownKeys: DeliveryKeyRow[] = known?.results ?? []
  const there = new Set(
    knownKeys.map(({ event_id, endpoint }) => keyOf({ eventId: event_id, endpoint })),
  )
  const events = eventsOf(messages, recorded?.results ?? [])
  return {
    ids,
    endpoints,
    eventsFor: (endpoint) =>
      events.filter(
        (event) =>
          wants(endpoint, event) && !there.has(keyOf({ eventId: event.id, endpoint: endpoint.id })),
      ),
  }
}

/** Each event once, without those that are settled. */
function eventsOf(messages: readonly EventMessage[], rows: readonly EventRow[]): RegistryEvent[] {
  const recorded = new Map(rows.map((row) => [row.id, row]))
  const events = new Map<string, RegistryEvent>()
  for (const message of messages) {
    const id = eventIdOf(message)
    const row = recorded.get(id)
    if (row !== undefined && row.settled_at !== null) continue
    const event = 'event' in message ? message.event : storedEvent(row?.event ?? '')
    if (event === null) logError({ message: 'an event is not in the outbox, or not readable', id })
    else events.set(id, event)
  }
  return [...events.values()].sort(
    (one, other) => Date.parse(one.timestamp) - Date.parse(other.timestamp),
  )
}

interface FirstTurn extends Turn {
  /** What became of each of the events. */
  deliveries: Delivery[]
  run(): Promise<void>
}

function takeTurn(
  endpoint: KnownEndpoint,
  events: readonly RegistryEvent[],
  context: EventContext,
): FirstTurn {
  const { now, settings } = context
  const turn: FirstTurn = { endpoint, state: endpoint.state, deliveries: [], run }
  return turn

  async function run(): Promise<void> {
    const end = now() + TURN_MS
    for (const event of events) {
      const isTried = turn.state.consecutiveFailures === 0 && now() < end
      turn.deliveries.push(isTried ? await attempt(event) : waiting(event))
    }
  }

  async function attempt(event: RegistryEvent): Promise<Delivery> {
    const firstAt = now()
    const outcome = await deliver(endpoint, event, addressOptions(settings))
    const tried = { ...newDelivery(endpoint.id, event, firstAt), ...outcome, attempts: 1 }
    if (outcome.error === null) {
      turn.state = CLOSED
      return { ...tried, state: 'delivered' }
    }
    turn.state = afterFailure(turn.state, endpoint, now())
    const failure = { attempts: 1, firstAt, breaker: turn.state }
    const seconds = secondsToRetry(failure, now(), settings.webhookRetryMs)
    // Not even one timeout was left to retry in: it is due at once, and then given up if it fails.
    return inSlowLane(tried, event, seconds ?? 0)
  }

  function waiting(event: RegistryEvent): Delivery {
    const delivery = newDelivery(endpoint.id, event, now())
    const isWell = turn.state.consecutiveFailures === 0
    const seconds = isWell ? 0 : secondsToWait(1, turn.state, now(), settings.webhookRetryMs)
    return inSlowLane(delivery, event, seconds)
  }

  function inSlowLane(delivery: Delivery, event: RegistryEvent, seconds: number): Delivery {
    const nextAt = now() + queueDelay(seconds) * 1000
    return { ...delivery, event: eventJson(event), nextAt }
  }
}

/** What is not sent, because the queue is away, the sweep finds overdue. */
async function sendToSlowLane(
  deliveries: readonly Delivery[],
  { retries, now }: EventContext,
): Promise<void> {
  const messages = deliveries.flatMap(({ endpoint, eventId, nextAt }) =>
    nextAt === null
      ? []
      : [{ body: { endpoint, eventId }, delaySeconds: queueDelay((nextAt - now()) / 1000) }],
  )
  try {
    await sendAll(retries, messages)
  } catch (error) {
    logError({ message: 'deliveries wait for the sweep', deliveries: messages.length }, error)
  }
}
