/**
 * The events of the registry's uses. The event of a change is created first, so that the outbox takes it in the same batch, and is
 * queued afterwards. Pull events are only collected.
 */
import { Announcements } from '../events/delivery/announcements.ts'
import type { EventContext } from '../events/delivery/lanes.ts'
import { pullEvents } from '../events/delivery/pull-events.ts'
import {
  type EventAction,
  type EventTarget,
  newEvent,
  type RegistryEvent,
} from '../events/model/event.ts'
import { storedEvent } from '../events/model/messages.ts'
import type { PullInterest } from '../events/webhooks/endpoint-filter.ts'
import type { Digest } from '../oci/digest.ts'
import { cascadeEvents } from '../store/events/outbox.ts'
import type { RegistryContext } from './context.ts'

type Target = Omit<EventTarget, 'repository' | 'length'>

/** The event of what the caller does or did. */
export function eventOf(
  { by, repository }: Pick<RegistryContext, 'by' | 'repository'>,
  action: EventAction,
  target: Target,
): RegistryEvent {
  const request = {
    id: by.requestId,
    addr: by.address,
    host: by.host,
    method: by.method,
    useragent: by.userAgent,
  }
  return newEvent(action, { ...target, repository }, request, by.subject)
}

type Announcer = Pick<RegistryContext, 'keepAlive'> & { events: Pick<EventContext, 'events'> }

/** One for each queue, shared by the isolate. */
const announcements = new WeakMap<object, Announcements>()

/** Sends events that the outbox holds to the queue. The answer does not wait for it. */
export function announce(
  { events: { events: queue }, keepAlive }: Announcer,
  events: readonly RegistryEvent[],
): void {
  const known = announcements.get(queue) ?? new Announcements(queue)
  announcements.set(queue, known)
  known.add(events, keepAlive)
}

/** The most events that are announced at once. The sweep of the outbox sends the others within a minute. */
const CASCADE_AT_ONCE = 100

/** Announces a delete and the deletes that it caused; only the outbox knows those. */
export function announceCascade(context: RegistryContext, event: RegistryEvent): void {
  const announceAll = async () => {
    const db = context.databases.of(context.repository)
    const cascade = await cascadeEvents(db, event.id, CASCADE_AT_ONCE).catch(() => [])
    announce(context, [event, ...cascade.flatMap((json) => storedEvent(json) ?? [])])
  }
  context.keepAlive(announceAll())
}

/**
 * Records a pull. A HEAD counts as a pull, as in docker/distribution; an answer of 304 does not. `targetOf` is called only if an
 * endpoint may want the event.
 */
export function notePull(
  context: RegistryContext,
  kind: keyof PullInterest,
  targetOf: () => Target,
): void {
  const make = () => eventOf(context, 'pull', targetOf())
  pullEvents.note(kind, make, context.events, context.keepAlive)
}

type Owner = Pick<RegistryContext, 'by' | 'repository'>

export function manifestUrl({ by, repository }: Owner, digest: Digest): string {
  return `${by.baseUrl}/v2/${repository}/manifests/${digest}`
}

export function blobUrl({ by, repository }: Owner, digest: Digest): string {
  return `${by.baseUrl}/v2/${repository}/blobs/${digest}`
}
