/**
 * The sweep of the outbox, every minute. It sends again what a queue lost, and what never reached one because the Worker ended or the
 * queue was away. It removes what is old.
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

/** A delivery whose message is so late counts as lost, and again after as long. */
const OVERDUE_MS = 2 * 60_000

/** An event that was sent again is not sent once more for this long: the queue may only be slow. */
const AGAIN_AFTER_MS = 2 * 60_000

/** The most events, and the most deliveries, that one run sends. */
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

/** Sends first and notes it then: if the sweep ends in between, events are sent twice and none is lost. */
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

/** A large event goes by its id, and so does one that is not readable: the consumer logs it. */
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
