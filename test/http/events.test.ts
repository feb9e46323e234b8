/** The events of changes (I6): written in the batch of the change, exactly when it happens, and then queued. */
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import type { RegistryEvent } from '../../src/events/model/event.ts'
import { type EventMessage, storedEvent } from '../../src/events/model/messages.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { counted } from '../support/counting.ts'
import {
  bindings,
  imageManifest,
  type PushedBlob,
  type PushedImage,
  pushBlob,
  pushImage,
  randomBytes,
  send,
} from '../support/registry.ts'
import { onSessionMessages } from '../support/session-queue.ts'

const REPOSITORY = 'events/app'
const UNKNOWN: Digest = `sha256:${'0'.repeat(64)}`

/** Stands for the header with the digest that the test pushed. */
const IF_NONE_MATCH = {}

const queued: RegistryEvent[] = []

function keep(messages: Iterable<MessageSendRequest<EventMessage>>): void {
  for (const { body } of messages) if ('event' in body) queued.push(body.event)
}
onSessionMessages(keep)

/** A queue that keeps what it is sent. */
const observed = {
  ...bindings,
  EVENTS: {
    ...bindings.EVENTS,
    sendBatch: async (messages: Iterable<MessageSendRequest<EventMessage>>) => {
      keep(messages)
      return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } }
    },
  },
}

function change(method: string, path: string, init: RequestInit = {}): Promise<Response> {
  return send(method, path, init, observed)
}

/** What the outbox has after `id`, in the order of the changes. */
async function outbox(): Promise<RegistryEvent[]> {
  const { results } = await env.DB.prepare('SELECT event FROM events ORDER BY seq').all<{
    event: string
  }>()
  return results.flatMap(({ event }) => storedEvent(event) ?? [])
}

/** The events that `work` left in the outbox and sent to the queue: the same. */
async function eventsOf(work: () => Promise<unknown>): Promise<RegistryEvent[]> {
  const before = (await outbox()).length
  queued.length = 0
  await work()
  const events = (await outbox()).slice(before)
  expect(queued).toEqual(events)
  return events
}

let image: PushedImage
let unused: PushedBlob

beforeEach(async () => {
  image = await pushImage(REPOSITORY, 'latest')
  unused = await pushBlob(REPOSITORY, randomBytes(20))
})

async function beginUpload(): Promise<string> {
  const response = await change('POST', `/v2/${REPOSITORY}/blobs/uploads/`)
  return response.headers.get('Location') ?? ''
}

const CHANGES: [string, () => Promise<Response>, object[]][] = [
  [
    'a blob in one request',
    async () => {
      const body = randomBytes(10)
      const digest = await digestOf(body)
      return change('POST', `/v2/${REPOSITORY}/blobs/uploads/?digest=${digest}`, { body })
    },
    [{ action: 'push', target: { mediaType: 'application/octet-stream', size: 10, length: 10 } }],
  ],
  [
    'a blob in a closing request',
    async () => {
      const body = randomBytes(11)
      const digest = await digestOf(body)
      return change('PUT', `${await beginUpload()}?digest=${digest}`, { body })
    },
    [{ action: 'push', target: { size: 11, length: 11 } }],
  ],
  [
    'a blob that was streamed',
    async () => {
      const body = randomBytes(12)
      const location = await beginUpload()
      await change('PATCH', location, { body })
      return change('PUT', `${location}?digest=${await digestOf(body)}`)
    },
    [{ action: 'push', target: { size: 12, length: 12 }, request: { method: 'PUT' } }],
  ],
  [
    'a mount',
    () =>
      change(
        'POST',
        `/v2/events/other/blobs/uploads/?mount=${image.layer.digest}&from=${REPOSITORY}`,
      ),
    [{ action: 'mount', target: { repository: 'events/other', fromRepository: REPOSITORY } }],
  ],
  [
    'a manifest by tag',
    () =>
      change('PUT', `/v2/${REPOSITORY}/manifests/again`, {
        body: image.bytes,
        headers: { 'User-Agent': 'test/1', 'CF-Connecting-IP': '203.0.113.7' },
      }),
    [
      {
        action: 'push',
        target: { repository: REPOSITORY, tag: 'again', references: [{}, {}] },
        request: { method: 'PUT', useragent: 'test/1', host: 'registry.test', addr: '203.0.113.7' },
        actor: {},
        source: { addr: 'registry.test' },
      },
    ],
  ],
  [
    'a manifest whose tag is named twice',
    () => change('PUT', `/v2/${REPOSITORY}/manifests/twice?tag=twice`, { body: image.bytes }),
    [{ action: 'push', target: { tag: 'twice' } }],
  ],
  [
    'a manifest by digest with two tags',
    () =>
      change('PUT', `/v2/${REPOSITORY}/manifests/${image.digest}?tag=a&tag=b`, {
        body: image.bytes,
      }),
    [
      { action: 'push', target: { tag: 'a' } },
      { action: 'push', target: { tag: 'b' } },
    ],
  ],
  [
    'a manifest by digest',
    () => change('PUT', `/v2/${REPOSITORY}/manifests/${image.digest}`, { body: image.bytes }),
    [{ action: 'push', target: { digest: expect.stringContaining('sha256:') } }],
  ],
  [
    'the delete of a tag',
    () => change('DELETE', `/v2/${REPOSITORY}/manifests/latest`),
    [{ action: 'delete', target: { repository: REPOSITORY, tag: 'latest' } }],
  ],
  [
    'the delete of a manifest, and of its tag',
    () => change('DELETE', `/v2/${REPOSITORY}/manifests/${image.digest}`),
    [
      { action: 'delete', target: { repository: REPOSITORY, kind: 'manifest' } },
      { action: 'delete', target: { repository: REPOSITORY, tag: 'latest' } },
    ],
  ],
  [
    'the delete of a blob',
    () => change('DELETE', `/v2/${REPOSITORY}/blobs/${unused.digest}`),
    [{ action: 'delete', target: { kind: 'blob' } }],
  ],
]

const FAILURES: [string, () => Promise<Response>][] = [
  ['the delete of no tag', () => change('DELETE', `/v2/${REPOSITORY}/manifests/none`)],
  ['the delete of no manifest', () => change('DELETE', `/v2/${REPOSITORY}/manifests/${UNKNOWN}`)],
  ['the delete of no blob', () => change('DELETE', `/v2/${REPOSITORY}/blobs/${UNKNOWN}`)],
  [
    'the delete of a blob that is in use',
    () => change('DELETE', `/v2/${REPOSITORY}/blobs/${image.layer.digest}`),
  ],
  [
    'a mount from a repository without the blob',
    () => change('POST', `/v2/${REPOSITORY}/blobs/uploads/?mount=${UNKNOWN}&from=events/none`),
  ],
  [
    'a mount of what is there, from where it is not',
    () =>
      change(
        'POST',
        `/v2/${REPOSITORY}/blobs/uploads/?mount=${image.layer.digest}&from=events/none`,
      ),
  ],
  [
    'a manifest that refers to nothing',
    () =>
      change('PUT', `/v2/${REPOSITORY}/manifests/broken`, {
        body: imageManifest({ digest: UNKNOWN, size: 1 }, []),
        headers: { 'Content-Type': 'application/vnd.oci.image.manifest.v1+json' },
      }),
  ],
  [
    'a blob that does not hash to its digest',
    () =>
      change('POST', `/v2/${REPOSITORY}/blobs/uploads/?digest=${UNKNOWN}`, {
        body: randomBytes(5),
      }),
  ],
]

describe('a change', () => {
  it.each(CHANGES)('%s is in the outbox, and queued', async (_, work, expected) => {
    let status = 0
    const events = await eventsOf(async () => {
      const response = await work()
      status = response.status
    })
    expect([201, 202]).toContain(status)
    expect(events).toMatchObject(expected)
    for (const { id } of events) expect(id).toMatch(/^[0-9a-f-]{36}(\/latest)?$/)
  })

  it('that also deletes tags has a delete event for each of them', async () => {
    const path = `/v2/${REPOSITORY}/manifests`
    for (const tag of ['v1.0', 'v1.1', 'named']) {
      await change('PUT', `${path}/${tag}`, { body: image.bytes })
    }
    const [named] = await eventsOf(() => change('DELETE', `${path}/named`))
    const [removed, ...tags] = await eventsOf(() => change('DELETE', `${path}/${image.digest}`))
    const names = ['latest', 'v1.0', 'v1.1']
    const ids = names.map((tag) => `${removed?.id}/${tag}`)
    expect(tags.map(({ id }) => id)).toEqual(ids)
    expect(tags.map(({ target }) => target)).toEqual(
      names.map((tag) => ({ ...named?.target, tag })),
    )
    const rest = { timestamp: removed?.timestamp, request: removed?.request, actor: named?.actor }
    for (const event of tags) expect(event).toMatchObject(rest)
  })

  it.each(FAILURES)('that fails leaves nothing: %s', async (_, work) => {
    const events = await eventsOf(async () => {
      const response = await work()
      expect([202, 400, 404, 405]).toContain(response.status)
    })
    expect(events).toEqual([])
  })

  it('succeeds although the queue is unavailable: the outbox has the event', async () => {
    const away = {
      ...bindings.EVENTS,
      sendBatch: () => Promise.reject(new Error('the queue is away')),
    }
    const before = (await outbox()).length
    const path = `/v2/${REPOSITORY}/manifests/kept`
    const init = { body: image.bytes }
    const response = await send('PUT', path, init, { ...bindings, EVENTS: away })
    expect(response.status).toBe(201)
    expect((await outbox()).slice(before)).toMatchObject([{ target: { tag: 'kept' } }])
  })

  it('needs no extra round trip to D1 for its event', async () => {
    const bytes = randomBytes(30)
    expect(await counted(() => pushBlob(REPOSITORY, bytes))).toMatchObject({ d1: 1, r2Writes: 1 })
    const tagged = await counted(() =>
      change('PUT', `/v2/${REPOSITORY}/manifests/counted`, { body: image.bytes }),
    )
    expect(tagged).toMatchObject({ d1: 1 })
    const removed = await counted(() => change('DELETE', `/v2/${REPOSITORY}/manifests/counted`))
    expect(removed).toMatchObject({ d1: 1 })
  })
})

describe('a pull that an endpoint asks for', () => {
  const WEBHOOKS = JSON.stringify([
    { name: 'pulls', url: 'https://hooks.example.com/', blobPulls: true },
  ])
  const blobPath = () => `blobs/${image.layer.digest}`
  const manifestTarget = () => ({ digest: image.digest, size: image.bytes.length })
  const blobTarget = () => ({ mediaType: 'application/octet-stream', ...image.layer })

  it.each<[string, string, () => string, Record<string, string>, number, (() => object) | null]>([
    ['a manifest by tag', 'GET', () => 'manifests/latest', {}, 200, manifestTarget],
    ['a manifest by digest', 'GET', () => `manifests/${image.digest}`, {}, 200, manifestTarget],
    ['its headers', 'HEAD', () => 'manifests/latest', {}, 200, manifestTarget],
    ['what the client has', 'GET', () => 'manifests/latest', IF_NONE_MATCH, 304, null],
    ['no manifest', 'GET', () => 'manifests/none', {}, 404, null],
    ['a blob', 'GET', blobPath, {}, 200, blobTarget],
    ["a blob's headers", 'HEAD', blobPath, {}, 200, blobTarget],
    ['a part of a blob', 'GET', blobPath, { Range: 'bytes=0-9' }, 206, blobTarget],
    ['a part that is not there', 'GET', blobPath, { Range: 'bytes=5000-' }, 416, null],
    ['no blob', 'GET', () => `blobs/${UNKNOWN}`, {}, 404, null],
  ])('%s (%s)', async (_, method, path, headers, status, target) => {
    queued.length = 0
    const given = headers === IF_NONE_MATCH ? { 'If-None-Match': `"${image.digest}"` } : headers
    const environment = { ...observed, WEBHOOKS }
    const url = `/v2/${REPOSITORY}/${path()}`
    const response = await send(method, url, { headers: given }, environment)
    expect(response.status).toBe(status)
    const expected = target && [
      { action: 'pull', target: { repository: REPOSITORY, ...target() }, request: { method } },
    ]
    expect(queued).toMatchObject(expected ?? [])
    expect(queued).toHaveLength(expected?.length ?? 0)
  })
})
