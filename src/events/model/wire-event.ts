/**
 * An event as receivers read it: the fields of docker/distribution's notifications/event.go in their order, without those that Go's
 * `omitempty` leaves out. Berth adds one field, `truncated`, for endpoints that ask for references.
 */
import type { Descriptor, Platform } from '../../oci/descriptor.ts'
import type { EventTarget, RegistryEvent } from './event.ts'

/** For JSON.stringify, which keeps the order of the fields. */
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

/** The fields of distribution.Descriptor in their order, without `data`: it is content, and would make events as large as manifests. */
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

/** `architecture` and `os` have no omitempty. */
function wirePlatform(platform: Platform): WireEvent {
  const { architecture, os, variant } = platform
  const [version, features] = [platform['os.version'], platform['os.features']]
  return {
    architecture,
    os,
    ...filled({ 'os.version': version, 'os.features': features, variant }),
  }
}

/** Go writes the keys of a map in sorted order. */
function sorted(map: Readonly<Record<string, string>>): WireEvent | undefined {
  const entries = Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1))
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}

/** Removes the fields that Go calls empty: empty strings, zeros and empty lists. */
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

/** Go writes a time as time.RFC3339Nano: the fraction has no trailing zeros. */
function goTime(timestamp: string): string {
  return timestamp.replace(/\.(\d*?)0*Z$/, (_, digits) => (digits === '' ? 'Z' : `.${digits}Z`))
}
