/** An event as a CloudEvent: CloudEvents 1.0.2, JSON format, structured mode. Its data is the event in the form of docker/distribution. */
import type { EventTarget, RegistryEvent } from './event.ts'
import { BLOB_MEDIA_TYPE } from './event.ts'
import { type WireEvent, type WireOptions, wireEvent } from './wire-event.ts'

export interface CloudEvent {
  specversion: '1.0'
  id: string
  /** A network-path reference (RFC 3986, 4.2) to the registry: `//registry.example.com`. */
  source: string
  /** `io.berth.<kind>.<action>`; the kind is manifest, blob, tag or repository. */
  type: string
  /** `<repository>[:<tag>][@<digest>]`, as clients write references. */
  subject: string
  time: string
  datacontenttype: 'application/json'
  data: WireEvent
}

export function cloudEvent(event: RegistryEvent, options: WireOptions): CloudEvent {
  const { id, timestamp, action, target, request, source } = event
  return {
    specversion: '1.0',
    id,
    source: `//${source.addr ?? request.host}`,
    type: `io.berth.${kindOf(target)}.${action}`,
    subject: eventSubject(target),
    time: timestamp,
    datacontenttype: 'application/json',
    data: wireEvent(event, options),
  }
}

export function serializeCloudEvent(event: RegistryEvent, options: WireOptions): string {
  return JSON.stringify(cloudEvent(event, options))
}

function kindOf({ kind, mediaType, digest, tag }: EventTarget): string {
  if (kind !== undefined) return kind
  if (mediaType === BLOB_MEDIA_TYPE) return 'blob'
  if (digest !== undefined) return 'manifest'
  return tag === undefined ? 'repository' : 'tag'
}

function eventSubject({ repository, tag, digest }: EventTarget): string {
  return `${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`
}
