/**
 * The sweep of the outbox, every minute. It sends again the events and deliveries that a queue lost, and those that never reached a queue
 * because the Worker ended or the queue failed. It also removes old events and dead letters.
 */
import { forgetDeadLetters } from '../../store/events/dead-letters.ts'
import {
  overdueDeliveries,
  postponeDeliveries,
  trimDeliveries,
} from '../../store/events/deliveries.ts'
import {
  forgetEvents,
  postponeEvents,
  type UnsettledEvent,
  unsettledEvents,
} from '../../store/events/outbox.ts'
import { type EventMessage, eventMessage, sendAll, storedEvent } from '../model/messages.ts'
import { loadEndpoints } from '../webhooks/endpoints.ts'
import type { EventContext } from './lanes.ts'

/** A delivery whose message is this late counts as lost. The resent message has the same time to arrive. */
const OVERDUE_MS = 2 * 60_000

/** A resent event is not sent again for this long: the queue may only be slow. */
const AGAIN_AFTER_MS = 2 * 60_000

/** The most events, and the most deliveries, that one run sends or removes. */
const AT_ONCE = 1000

const DAY_MS = 24 * 60 * 60_000

export interface Swept {
  events: number
  deliveries: number
  /** Old events and dead letters that were removed. */
  forgotten: number
}

export async function sweepOutbox(context: EventContext): Promise<Swept> {
  const { db, settings, now } = context
  const events = await resendEvents(context)
  const deliveries = await resendDeliveries(context)
  const endpoints = await loadEndpoints(db, settings, now())
  await trimDeliveries(
    db,
    endpoints.map(({ id }) => id),
  )
  const old = now() - settings.eventDays * DAY_MS
  const forgotten =
    (await forgetEvents(db, old, AT_ONCE)) + (await forgetDeadLetters(db, old, AT_ONCE))
  return { events, deliveries, forgotten }
}

/** Sends first and records it afterwards: if the sweep ends in between, events are sent twice, but none is lost. */
async function resendEvents({ db, events, now }: EventContext): Promise<number> {
  const unsettled = await unsettledEvents(db, now(), AT_ONCE)
  if (unsettled.length === 0) return 0
  await sendAll(
    events,
    unsettled.map((row) => ({ body: messageOf(row) })),
  )
  const ids = unsettled.map(({ id }) => id)
  await postponeEvents(db, ids, now() + AGAIN_AFTER_MS).run()
  return ids.length
}

/** A large event is sent as its id. So is an unreadable one: the consumer logs it. */
function messageOf({ id, event }: UnsettledEvent): EventMessage {
  const read = event === null ? null : storedEvent(event)
  return read === null ? { eventId: id } : eventMessage(read)
}

async function resendDeliveries({ db, retries, now }: EventContext): Promise<number> {
  const overdue = await overdueDeliveries(db, now() - OVERDUE_MS, AT_ONCE)
  if (overdue.length === 0) return 0
  await sendAll(
    retries,
    overdue.map((body) => ({ body })),
  )
  await postponeDeliveries(db, overdue, now()).run()
  return overdue.length
}
