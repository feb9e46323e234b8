import { describe, expect, it } from 'vitest'
import type { EventAction, EventTarget } from '../../../src/events/model/event.ts'
import { endpointOf } from '../../../src/events/webhooks/endpoint.ts'
import type { EndpointConfiguration } from '../../../src/events/webhooks/endpoint-configuration.ts'
import { pullInterest, wants } from '../../../src/events/webhooks/endpoint-filter.ts'

const IMAGE = 'application/vnd.oci.image.manifest.v1+json'
const INDEX = 'application/vnd.oci.image.index.v1+json'
const BLOB = 'application/octet-stream'

type Filters = Omit<EndpointConfiguration, 'name' | 'url'>

function endpoint(filters: Filters) {
  return endpointOf({ name: 'e', url: 'https://hooks.example.com/', ...filters })
}

function target(mediaType?: string, repository = 'team/app'): EventTarget {
  return mediaType === undefined ? { repository } : { repository, mediaType }
}

describe('an endpoint', () => {
  it.each<[string, Filters, EventAction, EventTarget, boolean]>([
    ['without filters wants pushes', {}, 'push', target(IMAGE), true],
    ['without filters wants pushes of blobs', {}, 'push', target(BLOB), true],
    ['without filters wants mounts', {}, 'mount', target(BLOB), true],
    ['without filters wants deletes', {}, 'delete', target(), true],
    ['without filters wants pulls of manifests', {}, 'pull', target(IMAGE), true],
    ['without filters wants no pulls of blobs', {}, 'pull', target(BLOB), false],
    ['that asks wants pulls of blobs', { blobPulls: true }, 'pull', target(BLOB), true],
    ['that is disabled wants nothing', { disabled: true }, 'push', target(IMAGE), false],

    ['ignores a media type', { ignoredmediatypes: [BLOB] }, 'push', target(BLOB), false],
    ['does not ignore others', { ignoredmediatypes: [BLOB] }, 'push', target(IMAGE), true],
    ['ignores by the newer name', { ignore: { mediatypes: [BLOB] } }, 'push', target(BLOB), false],
    [
      'ignores by both names, the older',
      { ignoredmediatypes: [INDEX], ignore: { mediatypes: [BLOB] } },
      'push',
      target(INDEX),
      false,
    ],
    [
      'ignores by both names, the newer',
      { ignoredmediatypes: [INDEX], ignore: { mediatypes: [BLOB] } },
      'push',
      target(BLOB),
      false,
    ],
    ['ignores whole types', { ignoredmediatypes: ['application/'] }, 'push', target(IMAGE), true],
    ['ignores an action', { ignore: { actions: ['pull'] } }, 'pull', target(IMAGE), false],
    ['does not ignore others', { ignore: { actions: ['pull'] } }, 'push', target(IMAGE), true],

    ['asks for an action', { actions: ['push', 'delete'] }, 'push', target(IMAGE), true],
    ['does not want others', { actions: ['push', 'delete'] }, 'mount', target(BLOB), false],
    [
      'ignores what it asks for',
      { actions: ['push'], ignore: { actions: ['push'] } },
      'push',
      target(IMAGE),
      false,
    ],
    ['asks for a media type', { mediaTypes: [IMAGE] }, 'push', target(IMAGE), true],
    ['does not want other types', { mediaTypes: [IMAGE] }, 'push', target(INDEX), false],
    ['wants deletes with them', { mediaTypes: [IMAGE] }, 'delete', target(), true],
    [
      'ignores the type that it asks for',
      { mediaTypes: [IMAGE], ignoredmediatypes: [IMAGE] },
      'push',
      target(IMAGE),
      false,
    ],
    ['asks for blobs, not their pulls', { mediaTypes: [BLOB] }, 'pull', target(BLOB), false],

    ['asks for a repository', { repositories: ['team/app'] }, 'push', target(IMAGE), true],
    ['asks for a path', { repositories: ['x', 'team/*'] }, 'push', target(IMAGE), true],
    [
      'does not want others',
      { repositories: ['team/*'] },
      'push',
      target(IMAGE, 'team-b/a'),
      false,
    ],
    [
      'nor deeper ones',
      { repositories: ['team/*'] },
      'delete',
      target(undefined, 'team/a/b'),
      false,
    ],
    [
      'unless it asks',
      { repositories: ['team/**'] },
      'delete',
      target(undefined, 'team/a/b'),
      true,
    ],
  ])('%s (%o, %s)', (_, filters, action, of, expected) => {
    expect(wants(endpoint(filters), { action, target: of })).toBe(expected)
  })
})

describe('pullInterest', () => {
  it.each<[Filters[], boolean, boolean]>([
    [[], false, false],
    [[{}], true, false],
    [[{ blobPulls: true }], true, true],
    [[{ disabled: true, blobPulls: true }], false, false],
    [[{ ignore: { actions: ['pull'] }, blobPulls: true }], false, false],
    [[{ actions: ['push'] }, { actions: ['delete'], blobPulls: true }], false, false],
    [[{ actions: ['push'] }, { actions: ['pull'] }], true, false],
    [[{ blobPulls: true, ignoredmediatypes: [BLOB] }], true, false],
    [[{ blobPulls: true, mediaTypes: [IMAGE] }], true, false],
  ])('of %o: manifests %s, blobs %s', (filters, manifests, blobs) => {
    expect(pullInterest(filters.map(endpoint))).toEqual({ manifests, blobs })
  })
})
