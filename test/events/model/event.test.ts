import { describe, expect, it } from 'vitest'
import { isRegistryEvent, newEvent } from '../../../src/events/model/event.ts'

const REQUEST = {
  id: 'r1',
  addr: '192.0.2.7',
  host: 'registry.example.com:8443',
  method: 'PUT',
  useragent: 'docker/28.0',
}
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

describe('newEvent', () => {
  it('has an id of its own and the time', () => {
    const before = Date.now()
    const one = newEvent('push', { repository: 'a' }, REQUEST, '')
    const other = newEvent('push', { repository: 'a' }, REQUEST, '')
    expect(one.id).toMatch(UUID)
    expect(one.id).not.toBe(other.id)
    expect(one.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect(Date.parse(one.timestamp)).toBeGreaterThanOrEqual(before)
  })

  it('names the caller, or nobody', () => {
    expect(newEvent('push', { repository: 'a' }, REQUEST, 'alice').actor).toEqual({ name: 'alice' })
    expect(newEvent('push', { repository: 'a' }, REQUEST, '').actor).toEqual({})
  })

  it('repeats the size as the length', () => {
    expect(newEvent('push', { repository: 'a', size: 5 }, REQUEST, '').target).toEqual({
      repository: 'a',
      size: 5,
      length: 5,
    })
    expect(newEvent('delete', { repository: 'a' }, REQUEST, '').target).toEqual({ repository: 'a' })
  })

  it('names its registry and instance', () => {
    const [one, other] = [1, 2].map(() => newEvent('push', { repository: 'a' }, REQUEST, ''))
    expect(one?.source.addr).toBe('registry.example.com:8443')
    expect(one?.source.instanceID).toMatch(UUID)
    expect(other?.source).toEqual(one?.source)
  })
})

describe('isRegistryEvent', () => {
  const event = newEvent('pull', { repository: 'a' }, REQUEST, '')

  it('is true of an event, and of one parsed from JSON', () => {
    expect(isRegistryEvent(event)).toBe(true)
    expect(isRegistryEvent(JSON.parse(JSON.stringify(event)))).toBe(true)
  })

  it.each<[string, unknown]>([
    ['null', null],
    ['text', 'poison'],
    ['a list', [event]],
    ['no id', { ...event, id: undefined }],
    ['an empty id', { ...event, id: '' }],
    ['no time', { ...event, timestamp: 'yesterday' }],
    ['another action', { ...event, action: 'steal' }],
    ['no target', { ...event, target: null }],
    ['no repository', { ...event, target: {} }],
    ['no request', { ...event, request: undefined }],
    ['half a request', { ...event, request: { id: 'r1' } }],
    ['no actor', { ...event, actor: undefined }],
    ['no source', { ...event, source: undefined }],
  ])('is false of %s', (_, value) => {
    expect(isRegistryEvent(value)).toBe(false)
  })
})
