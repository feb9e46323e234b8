/**
 * The slow lane: deliveries that failed, or whose endpoint did. Each message is one of them and goes back to the queue with a delay
 * until it is delivered, or given up as a dead letter. What happened is written in one D1 batch before any message is
 * acknowledged, as in the fast lane (fan-out.ts).
 */
import { logError } from '../lib/log.ts'
import { buryDeliveries } from '../store/dead-letters.ts'
import {
  type DeliveryRow,
  deliveriesByKey,
  deliveryOf,
  putDeliveries,
  type StoredDelivery,
} from '../store/deliveries.ts'
import { endpointStatements, type KnownEndpoint, readEndpoints } from './endpoints.ts'
import {
  changedStates,
  ENDPOINTS_AT_ONCE,
  type EventContext,
  forEachAtMost,
  giveBack,
  keyOf,
  type Turn,
} from './lanes.ts'
import { parseRetryMessage, type RetryMessage, refuse } from './messages.ts'
import { type Done, givenUp, takeRetryTurn, type Waiting } from './retry-turn.ts'

/** A message that comes earlier than this before its time is not the one that the delivery waits for. */
const EARLY_MS = 1000

export async function retryDeliveries(batch: MessageBatch, context: EventContext): Promise<void> {
  const readable = batch.messages.flatMap((message) => {
    const key = parseRetryMessage(message.body)
    if (key === null) refuse(message, 'a message is no delivery')
    return key === null ? [] : [{ message, key }]
  })
  const messages = readable.map(({ message }) => message)
  try {
    const done = readable.length === 0 ? [] : await retryAll(readable, context)
    const delays = new Map(done.map(({ message, outcome }) => [message.id, outcome]))
    for (const message of messages) {
      const outcome = delays.get(message.id)
      if (outcome instanceof Object) message.retry({ delaySeconds: outcome.seconds })
      else message.ack()
    }
  } catch (error) {
    logError(
      { message: 'deliveries were not retried, and come again', count: messages.length },
      error,
    )
    for (const message of messages) giveBack(message, context.now())
  }
}

interface Readable {
  message: Message
  key: RetryMessage
}

async function retryAll(messages: readonly Readable[], context: EventContext): Promise<Done[]> {
  const { db, now } = context
  const { endpoints, deliveries } = await findDue(messages, context)
  const byEndpoint = Map.groupBy(
    dueOf(messages, deliveries, now()),
    ({ delivery }) => delivery.endpoint,
  )
  const turns: Turn[] = []
  const done: Done[] = []
  await forEachAtMost(ENDPOINTS_AT_ONCE, [...byEndpoint], async ([id, waiting]) => {
    const endpoint = endpoints.find((known) => known.id === id)
    if (endpoint === undefined) {
      done.push(...waiting.map((one) => givenUp(one, 'the endpoint is not there any more')))
      return
    }
    const turn = await takeRetryTurn(endpoint, waiting, context)
    turns.push(turn)
    done.push(...turn.done)
  })
  const dead = done.filter(({ outcome }) => outcome === 'given up')
  const written = now()
  const statements = [
    ...putDeliveries(
      db,
      done.map(({ delivery }) => delivery),
      written,
    ),
    ...buryDeliveries(
      db,
      dead.map(({ delivery: { endpoint, eventId } }) => ({ endpoint, eventId })),
      written,
    ),
    ...changedStates(db, turns, written),
  ]
  if (statements.length > 0) await db.batch(statements)
  return done
}

async function findDue(
  messages: readonly Readable[],
  { db, settings, now }: EventContext,
): Promise<{ endpoints: KnownEndpoint[]; deliveries: StoredDelivery[] }> {
  const keys = messages.map(({ key }) => key)
  // As in loadEndpoints: the rows of each result are of another kind.
  const [webhooks, states, found] = await db.batch<never>([
    ...endpointStatements(db),
    deliveriesByKey(db, keys),
  ])
  const rows: DeliveryRow[] = found?.results ?? []
  return {
    endpoints: readEndpoints(webhooks?.results ?? [], states?.results ?? [], settings, now()),
    deliveries: rows.map(deliveryOf),
  }
}

/**
 * The pending deliveries that the messages are for, those first that have waited longest. Not one that is due later: then this
 * message is a double, made by the sweep, and another one is on its way.
 */
function dueOf(
  messages: readonly Readable[],
  deliveries: readonly StoredDelivery[],
  now: number,
): Waiting[] {
  const due = new Map(
    deliveries
      .filter(({ nextAt }) => nextAt !== null && nextAt <= now + EARLY_MS)
      .map((delivery) => [keyOf(delivery), delivery]),
  )
  return messages
    .flatMap(({ message, key }) => {
      const delivery = due.get(keyOf(key))
      due.delete(keyOf(key))
      return delivery === undefined ? [] : [{ message, delivery }]
    })
    .sort((one, other) => one.delivery.firstAt - other.delivery.firstAt)
}
