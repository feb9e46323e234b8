/**
 * The fast lane: the first attempt of each event at every endpoint that wants it. Endpoints are served in parallel. Each endpoint gets its
 * events in order, one at a time. After a failure, the rest of its deliveries go to the slow lane (retries.ts), so an endpoint that hangs
 * delays the others by only one timeout. One D1 batch writes the outcomes, and then the messages are acknowledged. If that write fails, the
 * messages come back, and endpoints get their events again under the same ids.
 */
import { logError } from '../../lib/log.ts'
import { runBatch } from '../../store/database/statement.ts'
import { settleEvents } from '../../store/events/outbox.ts'
import type { RegistryEvent } from '../model/event.ts'
import { type EventMessage, parseEventMessage, readMessages } from '../model/messages.ts'
import type { KnownEndpoint } from '../webhooks/endpoints.ts'
import { type EventContext, newDelivery, returnMessage } from './lanes.ts'
import { queueRetries } from './queue-retries.ts'
import { type Planned, takeTurns } from './turn.ts'
import { findWantedEvents } from './wanted-events.ts'
import { breakerStatements, outcomeStatements } from './write-outcomes.ts'

export async function fanOut({ messages }: MessageBatch, context: EventContext): Promise<void> {
  const read = readMessages(messages, parseEventMessage, 'a message is not an event')
  if (read.length === 0) return
  try {
    const bodies = read.map(({ body }) => body)
    await deliverFirst(bodies, context)
    for (const { message } of read) message.ack()
  } catch (error) {
    logError(
      { message: 'events were not fanned out: their messages will be retried', count: read.length },
      error,
    )
    for (const { message } of read) returnMessage(message)
  }
}

async function deliverFirst(
  messages: readonly EventMessage[],
  context: EventContext,
): Promise<void> {
  const { db, now, onEvent } = context
  const { ids, events, endpoints, eventsFor } = await findWantedEvents(messages, context)
  for (const event of events) await onEvent?.(event)
  const plans = endpoints.map((endpoint) => ({
    endpoint,
    deliveries: firstDeliveries(endpoint, eventsFor(endpoint), now),
  }))
  const turns = await takeTurns(plans, context)
  const outcomes = turns.flatMap((turn) => turn.outcomes)
  const at = now()
  await runBatch(db, [
    ...outcomeStatements(db, outcomes, at),
    ...breakerStatements(db, turns, at),
    settleEvents(db, ids, at),
  ])
  const deliveries = outcomes.map(({ delivery }) => delivery)
  await queueRetries(deliveries, context)
}

/** A delivery is created when its turn comes, because the time for its retries counts from then. */
function* firstDeliveries(
  { id }: KnownEndpoint,
  events: readonly RegistryEvent[],
  now: () => number,
): Generator<Planned> {
  for (const event of events) {
    yield { delivery: newDelivery(id, event, now()), event, message: null }
  }
}
