/**
 * The body of a delivery. In the formats v1 and v2 it is the envelope of docker/distribution with one event, byte for byte as Go's
 * encoding/json writes it, indented by three spaces. v1 and v2 differ only in their media type.
 */
import { serializeCloudEvent } from './cloud-event.ts'
import type { RegistryEvent } from './event.ts'
import { type WireOptions, wireEvent } from './wire-event.ts'

export const FORMATS = ['v1', 'v2', 'cloudevents'] as const
export type Format = (typeof FORMATS)[number]

export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  v1: 'application/vnd.docker.distribution.events.v1+json',
  v2: 'application/vnd.docker.distribution.events.v2+json',
  cloudevents: 'application/cloudevents+json',
}

/** The body of a POST to an endpoint of that format. CONTENT_TYPES has its media type. */
export function deliveryBody(format: Format, event: RegistryEvent, options: WireOptions): string {
  return format === 'cloudevents'
    ? serializeCloudEvent(event, options)
    : serializeEnvelope(event, options)
}

/** `indent` is the number of spaces per level: 3 as docker/distribution sends it, 0 for one line. */
export function serializeEnvelope(
  event: RegistryEvent,
  options: WireOptions,
  indent: 0 | 3 = 3,
): string {
  return goEscapes(JSON.stringify({ events: [wireEvent(event, options)] }, null, indent))
}

/**
 * Go's encoding/json also escapes these characters, for text that ends up in HTML or JavaScript. In JSON they occur only inside strings.
 */
function goEscapes(json: string): string {
  return json.replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
