/**
 * The slow lane: deliveries that failed, and deliveries to endpoints that failed before. Each message names one delivery. It returns to the
 * queue with a delay until the delivery succeeds or becomes a dead letter. As in the fast lane (fan-out.ts), one D1 batch writes the
 * outcomes before any message is acknowledged.
 */
import { logError } from '../../lib/log.ts'
import { readRows, runBatch } from '../../store/database/statement.ts'
import { deliveriesByKey, deliveryOf, type StoredDelivery } from '../../store/events/deliveries.ts'
import {
  parseRetryMessage,
  type ReadMessage,
  type RetryMessage,
  readMessages,
} from '../model/messages.ts'
import { endpointQueries, endpointsOf, type KnownEndpoint } from '../webhooks/endpoints.ts'
import { deliveryKey, type EventContext, returnMessage } from './lanes.ts'
import { giveUp } from './next-step.ts'
import { type DeliveryOutcome, type Planned, takeTurns, withStep } from './turn.ts'
import { breakerStatements, outcomeStatements } from './write-outcomes.ts'

/** A message that comes more than this before its delivery is due is a duplicate. */
const EARLY_MS = 1000

export async function retryDeliveries(
  { messages }: MessageBatch,
  context: EventContext,
): Promise<void> {
  const read = readMessages(messages, parseRetryMessage, 'a message is not a delivery')
  if (read.length === 0) return
  try {
    const outcomes = await retryAll(read, context)
    const nextOf = new Map(outcomes.map(({ message, next }) => [message, next]))
    for (const { message } of read) {
      const next = nextOf.get(message)
      if (next?.kind === 'again') message.retry({ delaySeconds: next.seconds })
      else message.ack()
    }
  } catch (error) {
    logError(
      {
        message: 'deliveries were not retried: their messages will be retried',
        count: read.length,
      },
      error,
    )
    for (const { message } of read) returnMessage(message)
  }
}

async function retryAll(
  messages: readonly ReadMessage<RetryMessage>[],
  context: EventContext,
): Promise<DeliveryOutcome[]> {
  const { db, now } = context
  const { endpoints, due } = await findDueDeliveries(messages, context)
  const dueOf = Map.groupBy(due, ({ delivery }) => delivery.endpoint)
  const plans = endpoints.flatMap((endpoint) => {
    const deliveries = dueOf.get(endpoint.id)
    return deliveries === undefined ? [] : [{ endpoint, deliveries }]
  })
  const turns = await takeTurns(plans, context)
  const at = now()
  const outcomes = [
    ...turns.flatMap((turn) => turn.outcomes),
    ...withoutEndpoint(due, endpoints, at),
  ]
  const statements = [...outcomeStatements(db, outcomes, at), ...breakerStatements(db, turns, at)]
  if (statements.length > 0) await runBatch(db, statements)
  return outcomes
}

/** Gives up the deliveries whose endpoint was removed. */
function withoutEndpoint(
  due: readonly Planned[],
  endpoints: readonly KnownEndpoint[],
  now: number,
): DeliveryOutcome[] {
  const known = new Set(endpoints.map(({ id }) => id))
  return due
    .filter(({ delivery }) => !known.has(delivery.endpoint))
    .map((planned) => withStep(planned, giveUp(planned.delivery, 'the endpoint was removed'), now))
}

/** Reads the endpoints, and the deliveries that the messages name, in one round trip. */
async function findDueDeliveries(
  messages: readonly ReadMessage<RetryMessage>[],
  { db, settings, now }: EventContext,
): Promise<{ endpoints: KnownEndpoint[]; due: Planned[] }> {
  const keys = messages.map(({ body }) => body)
  const [webhooks, states, rows] = await readRows(db, [
    ...endpointQueries(db),
    deliveriesByKey(db, keys),
  ])
  const endpoints = endpointsOf(webhooks, states, settings, now())
  return { endpoints, due: dueDeliveries(messages, rows.map(deliveryOf), now()) }
}

/**
 * The pending deliveries that the messages name, the longest waiting first. A delivery that is due later is left out: its message is a
 * duplicate from the sweep, and another one is on its way.
 */
function dueDeliveries(
  messages: readonly ReadMessage<RetryMessage>[],
  deliveries: readonly StoredDelivery[],
  now: number,
): Planned[] {
  const due = new Map(
    deliveries
      .filter(({ nextAt }) => nextAt !== null && nextAt <= now + EARLY_MS)
      .map((delivery) => [deliveryKey(delivery), delivery]),
  )
  return messages
    .flatMap(({ message, body }) => {
      const delivery = due.get(deliveryKey(body))
      due.delete(deliveryKey(body))
      return delivery === undefined ? [] : [{ delivery, event: null, message }]
    })
    .sort((one, other) => one.delivery.firstAt - other.delivery.firstAt)
}
