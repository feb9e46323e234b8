/**
 * An event as others read it: the fields of docker/distribution's notifications/event.go in their order, and none of those
 * that Go's `omitempty` leaves out. Of the registry's own fields there is one, `truncated`, for those who ask for references.
 */
import type { Descriptor, Platform } from '../../oci/descriptor.ts'
import type { EventTarget, RegistryEvent } from './event.ts'

/** To be written with JSON.stringify, which keeps the order. */
export type WireEvent = Readonly<Record<string, unknown>>

export interface WireOptions {
  /** Whether `target.references` is written. */
  references: boolean
}

export function wireEvent(event: RegistryEvent, { references }: WireOptions): WireEvent {
  const { id, timestamp, action, target, request, actor, source } = event
  return {
    id,
    timestamp: goTime(timestamp),
    action,
    target: wireTarget(target, references),
    request: {
      id: request.id,
      ...filled({ addr: request.addr, host: request.host }),
      method: request.method,
      useragent: request.useragent,
    },
    actor: filled({ name: actor.name }),
    source: filled({ addr: source.addr, instanceID: source.instanceID }),
  }
}

function wireTarget(target: EventTarget, withReferences: boolean): WireEvent {
  const { mediaType, size, digest, length, repository, fromRepository, url, tag } = target
  const references = withReferences ? target.references?.map(wireDescriptor) : undefined
  return filled({
    mediaType,
    size,
    digest,
    length,
    repository,
    fromRepository,
    url,
    tag,
    references,
    truncated: withReferences ? target.truncated : undefined,
  })
}

/** The order of distribution.Descriptor; without `data`, which is content and would make events as large as manifests. */
function wireDescriptor(descriptor: Descriptor): WireEvent {
  const { mediaType, size, digest, urls, annotations, platform, artifactType } = descriptor
  return filled({
    mediaType,
    size,
    digest,
    urls,
    annotations: annotations && sorted(annotations),
    platform: platform && wirePlatform(platform),
    artifactType,
  })
}

/** Here `architecture` and `os` have no omitempty. */
function wirePlatform(platform: Platform): WireEvent {
  const { architecture, os, variant } = platform
  const [version, features] = [platform['os.version'], platform['os.features']]
  return {
    architecture,
    os,
    ...filled({ 'os.version': version, 'os.features': features, variant }),
  }
}

/** As Go writes a map. */
function sorted(map: Readonly<Record<string, string>>): WireEvent | undefined {
  const entries = Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1))
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}

/** Without what Go calls empty: no text, zero, no entries. */
function filled(fields: WireEvent): WireEvent {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value)))
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined ||
    value === '' ||
    value === 0 ||
    (Array.isArray(value) && value.length === 0)
  )
}

/** time.RFC3339Nano, with which Go writes a time: a fraction has no zeros at its end. */
function goTime(timestamp: string): string {
  return timestamp.replace(/\.(\d*?)0*Z$/, (_, digits) => (digits === '' ? 'Z' : `.${digits}Z`))
}
