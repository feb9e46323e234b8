import { describe, expect, it } from 'vitest'
import { cloudEvent, serializeCloudEvent } from '../../../src/events/model/cloud-event.ts'
import { deliveryBody, serializeEnvelope } from '../../../src/events/model/envelope.ts'
import type { EventAction, EventTarget, RegistryEvent } from '../../../src/events/model/event.ts'

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}` as const
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const BLOB = 'application/octet-stream'

function event(action: EventAction, target: EventTarget): RegistryEvent {
  return {
    id: '9b2bb4b6-8f0c-4a7e-9a55-0f2a6a3f8f10',
    timestamp: '2026-11-23T21:07:05.120Z',
    action,
    target,
    request: {
      id: 'r1',
      addr: '192.0.2.7',
      host: 'other.example.com',
      method: 'PUT',
      useragent: '',
    },
    actor: { name: 'alice' },
    source: { addr: 'registry.example.com:8443' },
  }
}

describe('a CloudEvent', () => {
  it('has the attributes of CloudEvents 1.0, and the event of the envelope as its data', () => {
    const target = {
      mediaType: MANIFEST,
      size: 5,
      digest: DIGEST,
      repository: 'team/app',
      tag: 'v1',
    }
    const pushed = event('push', { ...target, references: [] })
    const { events } = JSON.parse(serializeEnvelope(pushed, { references: false }))
    expect(JSON.parse(serializeCloudEvent(pushed, { references: false }))).toEqual({
      specversion: '1.0',
      id: '9b2bb4b6-8f0c-4a7e-9a55-0f2a6a3f8f10',
      source: '//registry.example.com:8443',
      type: 'io.berth.manifest.push',
      subject: `team/app:v1@${DIGEST}`,
      time: '2026-11-23T21:07:05.120Z',
      datacontenttype: 'application/json',
      data: events[0],
    })
    expect(deliveryBody('cloudevents', pushed, { references: false })).toBe(
      serializeCloudEvent(pushed, { references: false }),
    )
  })

  it('has references if the endpoint asks for them', () => {
    const references = [{ mediaType: BLOB, digest: DIGEST, size: 1 }]
    const pushed = event('push', { repository: 'a', digest: DIGEST, references })
    expect(cloudEvent(pushed, { references: false }).data).not.toHaveProperty('target.references')
    expect(cloudEvent(pushed, { references: true }).data).toHaveProperty('target.references')
  })

  it('names the host of the request if the source is unknown', () => {
    const unsourced = { ...event('push', { repository: 'a' }), source: {} }
    expect(cloudEvent(unsourced, { references: false }).source).toBe('//other.example.com')
  })

  it.each<[EventAction, Omit<EventTarget, 'repository'>, string, string]>([
    ['push', { mediaType: MANIFEST, digest: DIGEST, tag: 'v1' }, 'manifest', `:v1@${DIGEST}`],
    ['push', { mediaType: BLOB, digest: DIGEST }, 'blob', `@${DIGEST}`],
    ['pull', { mediaType: BLOB, digest: DIGEST }, 'blob', `@${DIGEST}`],
    ['mount', { mediaType: BLOB, digest: DIGEST, fromRepository: 'b' }, 'blob', `@${DIGEST}`],
    ['delete', { digest: DIGEST }, 'manifest', `@${DIGEST}`],
    ['delete', { digest: DIGEST, kind: 'manifest' }, 'manifest', `@${DIGEST}`],
    ['delete', { digest: DIGEST, kind: 'blob' }, 'blob', `@${DIGEST}`],
    ['delete', { tag: 'v1' }, 'tag', ':v1'],
    ['delete', {}, 'repository', ''],
  ])('%s of %o is of a %s', (action, target, kind, reference) => {
    const { type, subject } = cloudEvent(event(action, { repository: 'team/app', ...target }), {
      references: false,
    })
    expect(type).toBe(`io.berth.${kind}.${action}`)
    expect(subject).toBe(`team/app${reference}`)
  })
})
