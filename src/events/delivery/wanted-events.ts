/** The plan of the fast lane: which events of a batch go to which endpoints. */
import { logError } from '../../lib/log.ts'
import { readRows } from '../../store/database/statement.ts'
import { deliveryKeysOf } from '../../store/events/deliveries.ts'
import { type EventRow, eventsById } from '../../store/events/outbox.ts'
import type { RegistryEvent } from '../model/event.ts'
import { type EventMessage, eventIdOf, storedEvent } from '../model/messages.ts'
import { wants } from '../webhooks/endpoint-filter.ts'
import { endpointQueries, endpointsOf, type KnownEndpoint } from '../webhooks/endpoints.ts'
import { deliveryKey, type EventContext } from './lanes.ts'

export interface WantedEvents {
  /** The ids of all events of the batch. */
  ids: string[]
  /** The events that are not settled, in the order in which they happened. */
  events: RegistryEvent[]
  endpoints: KnownEndpoint[]
  /** The events that the endpoint wants and has no delivery of yet, in the order in which they happened. */
  eventsFor(endpoint: KnownEndpoint): RegistryEvent[]
}

/** Reads the endpoints, and the existing deliveries of these events, in one round trip. */
export async function findWantedEvents(
  messages: readonly EventMessage[],
  { db, settings, now }: EventContext,
): Promise<WantedEvents> {
  const ids = [...new Set(messages.map(eventIdOf))]
  const withoutEvent = messages.flatMap((one) => ('event' in one ? [] : [one.eventId]))
  const [webhooks, states, deliveries, recorded] = await readRows(db, [
    ...endpointQueries(db),
    deliveryKeysOf(db, ids),
    eventsById(db, ids, withoutEvent),
  ])
  const known = new Set(
    deliveries.map(({ event_id, endpoint }) => deliveryKey({ eventId: event_id, endpoint })),
  )
  const events = unsettledEventsOf(messages, recorded)
  return {
    ids,
    events,
    endpoints: endpointsOf(webhooks, states, settings, now()),
    eventsFor: (endpoint) =>
      events.filter(
        (event) =>
          wants(endpoint, event) &&
          !known.has(deliveryKey({ eventId: event.id, endpoint: endpoint.id })),
      ),
  }
}

/** Each event once, without the settled ones. */
function unsettledEventsOf(
  messages: readonly EventMessage[],
  rows: readonly EventRow[],
): RegistryEvent[] {
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
