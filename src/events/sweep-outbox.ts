/**
 * The sweep of the outbox, every minute: sends again what a queue lost, or was never given because the Worker ended or the queue
 * was away, and forgets what is old.
 */
import { forgetDeadLetters } from '../store/dead-letters.ts'
import { overdueDeliveries, postponeDeliveries, trimDeliveries } from '../store/deliveries.ts'
import {
  forgetEvents,
  postponeEvents,
  type UnsettledEvent,
  unsettledEvents,
} from '../store/outbox.ts'
import { loadEndpoints } from './endpoints.ts'
import type { EventContext } from './lanes.ts'
import { type EventMessage, eventMessage, sendAll, storedEvent } from './messages.ts'

/** A delivery is taken for lost when its message is so late; and again after as long. */
const OVERDUE_MS = 2 * 60_000

/** An event that was sent again is not sent once more before this: the queue may only be slow. */
const AGAIN_AFTER_MS = 2 * 60_000

/** Of each kind, in one run. */
const AT_ONCE = 1000

const DAY_MS = 24 * 60 * 60_000

export interface Swept {
  events: number
  deliveries: number
  /** Old events and dead letters that went. */
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

/** First sent, then noted: what happens in between is at worst sent twice. */
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

/** By its id alone where it is large, or not readable, which the consumer will say. */
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
