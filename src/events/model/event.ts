/**
 * What the registry tells of a change or a pull, in the form of docker/distribution's notifications: the same fields in the
 * same order, so that what reads those can read these. How they are written: envelope.ts and cloud-event.ts.
 */
import * as v from 'valibot'
import { plainObject, time } from '../../lib/schemas.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { MEDIA_TYPE_OCTET_STREAM } from '../../oci/media-types.ts'

export const EVENT_ACTIONS = ['push', 'pull', 'mount', 'delete'] as const
export type EventAction = (typeof EVENT_ACTIONS)[number]

/** The media type of every blob's event, whatever the blob is: only manifests say what they are. */
export const BLOB_MEDIA_TYPE = MEDIA_TYPE_OCTET_STREAM

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
  /** What a manifest refers to; written only for endpoints that ask for it. */
  references?: readonly Descriptor[]
  /** Whether the references were left out because the event was too large. */
  truncated?: true
  /** What a deleted digest was of: the original does not tell, so only the type of a CloudEvent is made of it. */
  kind?: 'manifest' | 'blob'
}

export interface EventRequest {
  id: string
  /** The client's address, where the edge tells it. */
  addr: string
  host: string
  method: string
  useragent: string
}

/** Who tells: where the original names its node and process, the registry's host and the isolate. */
export interface EventSource {
  addr?: string
  instanceID?: string
}

export interface RegistryEvent {
  /** A UUID that stays the same over deliveries. */
  id: string
  /** RFC 3339, in UTC and with milliseconds. */
  timestamp: string
  action: EventAction
  target: EventTarget
  request: EventRequest
  /** Who did it; empty for anonymous. */
  actor: { name?: string }
  source: EventSource
}

export function newEvent(
  action: EventAction,
  target: Omit<EventTarget, 'length'>,
  request: EventRequest,
  subject: string,
): RegistryEvent {
  return {
    id: crypto.randomUUID(),
    timestamp: new Date().toISOString(),
    action,
    target: target.size === undefined ? target : { ...target, length: target.size },
    request,
    actor: subject === '' ? {} : { name: subject },
    source: { addr: request.host, instanceID: instanceId() },
  }
}

let instance: string | undefined

/** Made at its first use: the runtime gives no random numbers before the first request. */
function instanceId(): string {
  instance ??= crypto.randomUUID()
  return instance
}

/** The members without which an event can be neither filtered nor written. */
const Readable = v.looseObject({
  id: v.pipe(v.string(), v.minLength(1)),
  timestamp: time,
  action: v.picklist(EVENT_ACTIONS),
  target: v.looseObject({ repository: v.string() }),
  request: v.looseObject({ id: v.string(), method: v.string(), useragent: v.string() }),
  actor: plainObject(),
  source: plainObject(),
})

/** Whether a queue's message, or a row's JSON, is an event and no poison. */
export function isRegistryEvent(value: unknown): value is RegistryEvent {
  return v.safeParse(Readable, value).success
}
