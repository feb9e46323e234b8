/** events.md has every field of each format, every action, format, header, endpoint field and reason, and no other. */
import { describe, expect, it } from 'vitest'
import { cloudEvent } from '../../src/events/model/cloud-event.ts'
import { CONTENT_TYPES, serializeEnvelope } from '../../src/events/model/envelope.ts'
import { EVENT_ACTIONS, newEvent, type RegistryEvent } from '../../src/events/model/event.ts'
import { wireEvent } from '../../src/events/model/wire-event.ts'
import { EndpointConfiguration } from '../../src/events/webhooks/endpoint-configuration.ts'
import { generateSecret, webhookHeaders } from '../../src/events/webhooks/signature.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { firstNames, foundIn, namesIn, pageOf, rowsOf, sectionOf, sortedOnce } from './pages.ts'

const page = pageOf('spec/events.md')

const digest = `sha256:${'0'.repeat(64)}` as const

/** A descriptor with every field. */
const descriptor: Required<Descriptor> = {
  mediaType: 'a/b',
  digest,
  size: 1,
  artifactType: 'c/d',
  annotations: { key: 'value' },
  urls: ['https://example.com/'],
  data: 'AA==',
  platform: {
    os: 'linux',
    architecture: 'arm64',
    variant: 'v8',
    'os.version': '1',
    'os.features': ['x'],
  },
}

/** An event with every field, which no real one has. */
const everything: RegistryEvent = newEvent(
  'push',
  {
    mediaType: 'a/b',
    size: 1,
    digest,
    repository: 'team/app',
    fromRepository: 'team/base',
    url: 'https://example.com/v2/',
    tag: 'latest',
    references: [descriptor],
    truncated: true,
    kind: 'manifest',
  },
  { id: 'id', addr: '192.0.2.1', host: 'example.com', method: 'PUT', useragent: 'test' },
  'ci',
)

/** `target.tag`: the paths of the members that are no objects. Lists count as one member. */
function pathsOf(value: object, prefix = ''): string[] {
  return Object.entries(value).flatMap(([name, member]) =>
    member instanceof Object && !Array.isArray(member)
      ? pathsOf(member, `${prefix}${name}.`)
      : [`${prefix}${name}`],
  )
}

describe('the event', () => {
  it('has the fields of the table, in its order', () => {
    const written = firstNames(rowsOf(page, 'The event'))
    expect(written).toEqual(pathsOf(wireEvent(everything, { references: true })))
  })

  it('has the fields of a reference', () => {
    const { target } = JSON.parse(JSON.stringify(wireEvent(everything, { references: true })))
    const { platform, ...fields } = target.references[0]
    const named = namesIn(sectionOf(page, 'The event'))
    const known = [...Object.keys(fields), ...Object.keys(platform)]
    expect(known.length).toBe(11)
    expect(named).toEqual(expect.arrayContaining(known))
  })

  it('always has the fields that the table says', () => {
    const least = newEvent(
      'delete',
      { repository: 'team/app' },
      { id: 'id', addr: '', host: '', method: 'DELETE', useragent: '' },
      '',
    )
    const bare = { ...least, source: {} }
    const always = rowsOf(page, 'The event').filter(([, always]) => always === 'yes')
    expect(firstNames(always)).toEqual(pathsOf(wireEvent(bare, { references: true })))
  })

  it('has the actions of the code', () => {
    const rows = rowsOf(page, 'What makes an event')
    expect(sortedOnce(firstNames(rows))).toEqual([...EVENT_ACTIONS].toSorted())
  })

  it('looks like the example', () => {
    const [, example = ''] = /^```text\n(\{\n[\s\S]*?)\n```$/m.exec(page) ?? []
    const [event] = JSON.parse(example).events
    expect(serializeEnvelope(event, { references: true })).toBe(example)
  })

  it('is a CloudEvent with the attributes of the table, in its order', () => {
    const written = firstNames(rowsOf(page, 'The CloudEvent'))
    expect(written).toEqual(Object.keys(cloudEvent(everything, { references: true })))
  })

  it('has the formats of the code, with their media types', () => {
    const rows = rowsOf(page, 'Formats').map(([format = '', type = '']) => [
      namesIn(format)[0],
      namesIn(type)[0],
    ])
    expect(Object.fromEntries(rows)).toEqual(CONTENT_TYPES)
  })
})

describe('a delivery', () => {
  it('has the headers of the code', async () => {
    const signed = await webhookHeaders([generateSecret()], 'id', 0, '')
    const known = ['Content-Type', 'User-Agent', ...Object.keys(signed)]
    const written = firstNames(rowsOf(page, 'Request')).filter((name) => name !== 'headers')
    expect(written.toSorted()).toEqual(known.toSorted())
  })

  it('is given up for the reasons of the code', () => {
    const reasons = [
      ...foundIn('events/delivery', /giveUp\([\w.]+, '([^']+)'\)/g),
      ...foundIn('events/delivery', /GIVEN_UP = '([^']+)'/g),
    ]
    expect(reasons.length).toBe(5)
    const written = namesIn(sectionOf(page, 'Retries')).filter((name) => name.startsWith('the '))
    expect(written.toSorted()).toEqual(reasons.toSorted())
  })

  it('has the states of the code', () => {
    const states = foundIn('http/api/webhooks', /states = v\.picklist\(\[([^\]]+)\]/g)
    const known = states.flatMap((list) => [...list.matchAll(/'(\w+)'/g)].map(([, one]) => one))
    const written = firstNames(rowsOf(page, 'Retries'))
    expect(written).toEqual(expect.arrayContaining(known))
    expect(known.length).toBe(3)
  })
})

describe('an endpoint', () => {
  it('has the fields of its configuration, and no other', () => {
    const written = firstNames(rowsOf(page, 'Endpoints')).map((name) => name.split('.')[0] ?? '')
    expect(sortedOnce(written)).toEqual(Object.keys(EndpointConfiguration.entries).toSorted())
  })
})
