/**
 * The consumer of the dead letter queue. It writes a dead letter for each message that another queue gave up after all its retries. For an
 * event that was never fanned out, it writes one for each endpoint that wants the event.
 */
import { logError } from '../../lib/log.ts'
import { runBatch } from '../../store/database/statement.ts'
import { buryDeliveries } from '../../store/events/dead-letters.ts'
import { putDeliveries } from '../../store/events/deliveries.ts'
import { eventJson, settleEvents } from '../../store/events/outbox.ts'
import {
  dropUnreadable,
  type EventMessage,
  parseEventMessage,
  parseRetryMessage,
} from '../model/messages.ts'
import { type EventContext, newDelivery, returnMessage } from './lanes.ts'
import { findWantedEvents } from './wanted-events.ts'

const GIVEN_UP = 'the queue gave up the delivery before any attempt'

export async function buryGivenUp(batch: MessageBatch, context: EventContext): Promise<void> {
  for (const message of batch.messages) {
    try {
      await buryOne(message, context)
      message.ack()
    } catch (error) {
      logError(
        { message: 'a dead letter was not written: its message will be retried', id: message.id },
        error,
      )
      returnMessage(message)
    }
  }
}

async function buryOne(message: Message, context: EventContext): Promise<void> {
  const { db, now } = context
  const delivery = parseRetryMessage(message.body)
  if (delivery !== null) {
    await runBatch(db, buryDeliveries(db, [delivery], now(), GIVEN_UP))
    return
  }
  const event = parseEventMessage(message.body)
  if (event === null) dropUnreadable(message, 'a message is neither an event nor a delivery')
  else await buryEvent(event, context)
}

async function buryEvent(message: EventMessage, context: EventContext): Promise<void> {
  const { db, now } = context
  const { ids, endpoints, eventsFor } = await findWantedEvents([message], context)
  const at = now()
  const deliveries = endpoints.flatMap((endpoint) =>
    eventsFor(endpoint).map((event) => ({
      ...newDelivery(endpoint.id, event, at),
      event: eventJson(event),
      nextAt: at,
    })),
  )
  const keys = deliveries.map(({ endpoint, eventId }) => ({ endpoint, eventId }))
  await runBatch(db, [
    ...putDeliveries(db, deliveries, at),
    ...buryDeliveries(db, keys, at, GIVEN_UP),
    settleEvents(db, ids, at),
  ])
}
