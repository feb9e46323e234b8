/** The vectors are what Go 1.26's encoding/json makes of structs with the fields of docker/distribution's notifications. */
import { describe, expect, it } from 'vitest'
import {
  CONTENT_TYPES,
  deliveryBody,
  FORMATS,
  serializeEnvelope,
} from '../../../src/events/model/envelope.ts'
import { isRegistryEvent, type RegistryEvent } from '../../../src/events/model/event.ts'
import vectors from '../../vectors/notifications.json'

/** docker/distribution, notifications/event_test.go: the envelope of its first event, without white space. */
const EXAMPLE =
  '{"events":[{"id":"asdf-asdf-asdf-asdf-0","timestamp":"2006-01-02T15:04:05Z","action":"push","target":{"mediaType":"application/vnd.docker.distribution.manifest.v1+prettyjws","size":1,"digest":"sha256:0123456789abcdef0","length":1,"repository":"library/test","url":"http://example.com/v2/library/test/manifests/latest"},"request":{"id":"asdfasdf","addr":"client.local","host":"registrycluster.local","method":"PUT","useragent":"test/0.1"},"actor":{"name":"test-actor"},"source":{"addr":"hostname.local:port"}}]}'

const ALL = { references: true }
const PLAIN = { references: false }

/** The event as the registry would have it: fields in another order, the empty ones there, and a time with milliseconds. */
function eventOf(vector: object): RegistryEvent {
  const read: unknown = reversed(vector)
  if (!isRegistryEvent(read)) throw new Error('not an event')
  const { target, request, actor, source } = read
  return {
    ...read,
    timestamp: new Date(read.timestamp).toISOString(),
    target: { references: [], tag: '', fromRepository: '', url: '', size: 0, length: 0, ...target },
    request: { ...request, addr: request.addr ?? '', host: request.host ?? '' },
    actor: { name: '', ...actor },
    source: { instanceID: '', addr: '', ...source },
  }
}

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (!(value instanceof Object)) return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reversed(member)]),
  )
}

function example(): RegistryEvent {
  const [vector] = vectors.events
  if (vector === undefined) throw new Error('no vector')
  return eventOf(vector.event)
}

describe('an envelope', () => {
  it.each(vectors.events)('is byte for byte what Go writes: $name', ({ event, body }) => {
    expect(serializeEnvelope(eventOf(event), ALL)).toBe(body)
    expect(deliveryBody('v1', eventOf(event), ALL)).toBe(body)
    expect(deliveryBody('v2', eventOf(event), ALL)).toBe(body)
  })

  it('says that references are left out, to endpoints that ask for them', () => {
    const read = example()
    const event = { ...read, target: { ...read.target, truncated: true as const } }
    expect(JSON.parse(serializeEnvelope(event, ALL))).toMatchObject({
      events: [{ target: { truncated: true } }],
    })
    expect(serializeEnvelope(event, PLAIN, 0)).toBe(EXAMPLE)
  })

  it('is the example of docker/distribution', () => {
    expect(serializeEnvelope(example(), PLAIN, 0)).toBe(EXAMPLE)
    expect(JSON.stringify(JSON.parse(serializeEnvelope(example(), PLAIN)))).toBe(EXAMPLE)
  })

  it.each<[string, string]>([
    ['2026-11-23T21:07:05.000Z', '2026-11-23T21:07:05Z'],
    ['2026-11-23T21:07:00.000Z', '2026-11-23T21:07:00Z'],
    ['2026-11-23T21:07:05.100Z', '2026-11-23T21:07:05.1Z'],
    ['2026-11-23T21:07:05.010Z', '2026-11-23T21:07:05.01Z'],
    ['2026-11-23T21:07:05.001Z', '2026-11-23T21:07:05.001Z'],
    ['2026-11-23T21:07:50Z', '2026-11-23T21:07:50Z'],
  ])('writes the time %s as %s', (timestamp, expected) => {
    expect(serializeEnvelope({ ...example(), timestamp }, PLAIN)).toContain(`"${expected}"`)
  })

  it('has references only if the endpoint asks for them, and never their content', () => {
    const { target, ...rest } = example()
    const digest = 'sha256:00'
    const references = [{ mediaType: 'a/b', digest, size: 4, data: 'Y29udGVudA==' } as const]
    const event = { ...rest, target: { ...target, references } }
    expect(serializeEnvelope(event, PLAIN, 0)).toBe(EXAMPLE)
    expect(serializeEnvelope(event, ALL, 0)).toBe(
      EXAMPLE.replace(
        'manifests/latest"}',
        'manifests/latest","references":[{"mediaType":"a/b","size":4,"digest":"sha256:00"}]}',
      ),
    )
  })

  it("does not contain the registry's internal fields", () => {
    const { target, ...rest } = example()
    const event: RegistryEvent = { ...rest, target: { ...target, kind: 'manifest' } }
    expect(serializeEnvelope(event, PLAIN, 0)).toBe(EXAMPLE)
  })
})

describe('the content type', () => {
  it.each<[(typeof FORMATS)[number], string]>([
    ['v1', 'application/vnd.docker.distribution.events.v1+json'],
    ['v2', 'application/vnd.docker.distribution.events.v2+json'],
    ['cloudevents', 'application/cloudevents+json'],
  ])('of %s is %s', (format, expected) => {
    expect(CONTENT_TYPES[format]).toBe(expected)
    expect(FORMATS).toContain(format)
  })
})
