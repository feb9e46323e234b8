/**
 * The events of what requests do. Those of a change are made before it, so that the outbox takes them in the same batch, and queued
 * after it; those of pulls are only collected.
 */
import type { Context } from 'hono'
import { Announcements } from '../events/announcements.ts'
import type { PullInterest } from '../events/endpoint-filter.ts'
import {
  type EventAction,
  type EventTarget,
  newEvent,
  type RegistryEvent,
} from '../events/event.ts'
import { storedEvent } from '../events/messages.ts'
import { pullEvents } from '../events/pull-events.ts'
import type { Digest } from '../oci/digest.ts'
import { cascadeEvents } from '../store/outbox.ts'
import { type AppEnv, eventContext } from './context.ts'
import { absoluteUrl } from './locations.ts'

type Target = Omit<EventTarget, 'repository' | 'length'>

/** The event of what this request is about to do, or did. */
export function eventOf(c: Context<AppEnv>, action: EventAction, target: Target): RegistryEvent {
  const repository = c.get('repository')
  const requestId = c.get('requestId')
  const caller = c.get('caller')
  const address = c.get('address')
  const request = {
    id: requestId,
    addr: address,
    host: new URL(c.req.url).host,
    method: c.req.method,
    useragent: c.req.header('User-Agent') ?? '',
  }
  return newEvent(action, { ...target, repository }, request, caller.subject)
}

/** Of each queue; the isolate's. */
const announcements = new WeakMap<object, Announcements>()

/** Hands events that the outbox has to the queue. The answer does not wait for it. */
export function announce(c: Context<AppEnv>, events: readonly RegistryEvent[]): void {
  const queue = c.env.EVENTS
  const known = announcements.get(queue) ?? new Announcements(queue)
  announcements.set(queue, known)
  known.add(events, (work) => c.executionCtx.waitUntil(work))
}

/** More of them wait for the outbox's sweep, which sends them within a minute. */
const CASCADE_AT_ONCE = 100

/** The same for the event of a delete and for those of what went with it, which only the outbox knows. */
export function announceCascade(c: Context<AppEnv>, event: RegistryEvent): void {
  const announceAll = async () => {
    const cascade = await cascadeEvents(c.get('db'), event.id, CASCADE_AT_ONCE).catch(() => [])
    announce(c, [event, ...cascade.flatMap((json) => storedEvent(json) ?? [])])
  }
  c.executionCtx.waitUntil(announceAll())
}

/**
 * A HEAD counts as a pull, as in docker/distribution; what the client has already (304) does not. `targetOf` is called only where an
 * endpoint may want to hear of it.
 */
export function notePull(
  c: Context<AppEnv>,
  kind: keyof PullInterest,
  targetOf: () => Target,
): void {
  const keepAlive = (work: Promise<unknown>) => c.executionCtx.waitUntil(work)
  const make = () => eventOf(c, 'pull', targetOf())
  pullEvents.note(kind, make, eventContext(c.env), keepAlive)
}

export function manifestUrl(c: Context<AppEnv>, digest: Digest): string {
  return absoluteUrl(c, `/v2/${c.get('repository')}/manifests/${digest}`)
}

export function blobUrl(c: Context<AppEnv>, digest: Digest): string {
  return absoluteUrl(c, `/v2/${c.get('repository')}/blobs/${digest}`)
}
