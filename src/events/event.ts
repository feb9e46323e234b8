/**
 * What the registry tells of a change, in the form of docker/distribution's notifications: the same fields in the same order,
 * so that what reads those can read these.
 */
import type { Digest } from '../oci/digest.ts'

export type EventAction = 'push' | 'mount' | 'delete'

export interface EventTarget {
  mediaType?: string
  /** Bytes. */
  size?: number
  digest?: Digest
  /** The size again, for readers of the first version. */
  length?: number
  repository: string
  /** Where a mounted blob came from, if the client said so. */
  fromRepository?: string
  /** Absolute, by digest. */
  url?: string
  tag?: string
}

export interface EventRequest {
  id: string
  /** The client's address, where the edge tells it. */
  addr: string
  host: string
  method: string
  useragent: string
}

export interface RegistryEvent {
  /** A UUID that stays the same over deliveries. */
  id: string
  /** RFC 3339. */
  timestamp: string
  action: EventAction
  target: EventTarget
  request: EventRequest
  /** Who did it; empty for anonymous. */
  actor: { name?: string }
}

export function newEvent(
  action: EventAction,
  target: EventTarget,
  request: EventRequest,
  subject: string,
): RegistryEvent {
  return {
    id: crypto.randomUUID(),
    timestamp: new Date().toISOString(),
    action,
    target,
    request,
    actor: subject === '' ? {} : { name: subject },
  }
}
