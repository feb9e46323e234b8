/**
 * The event of a change or a pull, in the form of docker/distribution's notifications: the same fields in the same order, so that receivers
 * of those can read these. envelope.ts and cloud-event.ts write it.
 */
import * as v from 'valibot'
import { plainObject, time } from '../../lib/schemas.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { MEDIA_TYPE_OCTET_STREAM } from '../../oci/media-types.ts'

export const EVENT_ACTIONS = ['push', 'pull', 'mount', 'delete'] as const
export type EventAction = (typeof EVENT_ACTIONS)[number]

/** The media type of every blob's event. The registry knows no other: only manifests have a media type. */
export const BLOB_MEDIA_TYPE = MEDIA_TYPE_OCTET_STREAM

export interface EventTarget {
  mediaType?: string
  /** Bytes. */
  size?: number
  digest?: Digest
  /** The size again, for readers of the original's first version. */
  length?: number
  repository: string
  /** The repository that a blob was mounted from, if the client named it. */
  fromRepository?: string
  /** The absolute URL of the content by digest. */
  url?: string
  tag?: string
  /** The references of a manifest; written only for endpoints that ask for them. */
  references?: readonly Descriptor[]
  /** Set if the references were left out because the event was too large. */
  truncated?: true
  /**
   * Whether a deleted digest was a manifest or a blob. docker/distribution does not say, so it appears only in the type of a CloudEvent.
   */
  kind?: 'manifest' | 'blob'
}

export interface EventRequest {
  id: string
  /** The client's address; empty if the runtime does not provide it. */
  addr: string
  host: string
  method: string
  useragent: string
}

/** The origin of the event. docker/distribution names its node and process here; Berth names the registry's host and the isolate. */
export interface EventSource {
  addr?: string
  instanceID?: string
}

export interface RegistryEvent {
  /** A UUID, the same in every delivery of the event. */
  id: string
  /** RFC 3339, in UTC and with milliseconds. */
  timestamp: string
  action: EventAction
  target: EventTarget
  request: EventRequest
  /** The account that made the request; empty for anonymous. */
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

/** Created at first use: the runtime provides no random numbers before the first request. */
function instanceId(): string {
  instance ??= crypto.randomUUID()
  return instance
}

/** The members that filtering and writing an event need. */
const Readable = v.looseObject({
  id: v.pipe(v.string(), v.minLength(1)),
  timestamp: time,
  action: v.picklist(EVENT_ACTIONS),
  target: v.looseObject({ repository: v.string() }),
  request: v.looseObject({ id: v.string(), method: v.string(), useragent: v.string() }),
  actor: plainObject(),
  source: plainObject(),
})

/** Whether a queue message, or the JSON of a row, is a valid event. */
export function isRegistryEvent(value: unknown): value is RegistryEvent {
  return v.safeParse(Readable, value).success
}
