/** Pulling and deleting manifests: OCI distribution spec, end-3 and end-9. Pushing them has push-manifest.test.ts. */
import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Digest, digestOf } from '../../../src/oci/digest.ts'
import {
  MEDIA_TYPE_DOCKER_CONFIG,
  MEDIA_TYPE_DOCKER_LAYER,
  MEDIA_TYPE_DOCKER_MANIFEST,
  MEDIA_TYPE_DOCKER_MANIFEST_LIST,
  MEDIA_TYPE_DOCKER_SCHEMA1,
  MEDIA_TYPE_DOCKER_SCHEMA1_SIGNED,
  MEDIA_TYPE_OCI_INDEX,
  MEDIA_TYPE_OCI_MANIFEST,
} from '../../../src/oci/media-types.ts'
import {
  bindings,
  bytesOf,
  type ErrorBody,
  errorCodes,
  imageManifest,
  type PushedImage,
  pushBlob,
  pushImage,
  putManifest,
  randomBytes,
  send,
} from '../../support/registry.ts'

const REPOSITORY = 'manifests/app'
const UNKNOWN = `sha256:${'0'.repeat(64)}`

type Bytes = Uint8Array<ArrayBuffer>

let image: PushedImage

beforeAll(async () => {
  image = await pushImage(REPOSITORY, 'latest')
})

async function bodyOf(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer())
}

async function expectManifest(repository: string, reference: string, bytes: Bytes): Promise<void> {
  const response = await send('GET', `/v2/${repository}/manifests/${reference}`)
  expect(response.status).toBe(200)
  expect(Buffer.compare(await bodyOf(response), bytes)).toBe(0)
}

describe('GET and HEAD', () => {
  it.each<[string, () => string]>([
    ['tag', () => 'latest'],
    ['digest', () => image.digest],
  ])('by %s have every header', async (_, reference) => {
    for (const method of ['GET', 'HEAD']) {
      const response = await send(method, `/v2/${REPOSITORY}/manifests/${reference()}`)
      expect(response.status).toBe(200)
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'cache-control': 'no-transform',
        'content-length': String(image.bytes.length),
        'content-type': MEDIA_TYPE_OCI_MANIFEST,
        'docker-content-digest': image.digest,
        etag: `"${image.digest}"`,
      })
      expect((await bodyOf(response)).length).toBe(method === 'HEAD' ? 0 : image.bytes.length)
    }
  })

  it.each<[string, (bytes: string) => string]>([
    ['as it was pushed', (text) => text],
    ['with white space around it', (text) => `\r\n\t ${text}\n\n`],
    ['indented', (text) => JSON.stringify(JSON.parse(text), null, 3)],
    ['with escapes', (text) => text.replace('"schemaVersion"', '"schema\\u0056ersion"')],
    [
      'with characters of four bytes',
      (text) => text.replace('{', '{"\u{1f433}":"\u0000\uffff",').replace('\u0000', '\\u0000'),
    ],
    [
      'with numbers that JavaScript would write differently',
      (text) => text.replace('{', '{"x":1.0e2,"y":1e400,"z":12345678901234567890,'),
    ],
    ['with a key called __proto__', (text) => text.replace('{', '{"__proto__":{"layers":[]},')],
    ['in the row, at its limit', (text) => text.padEnd(64 * 1024)],
    ['in R2, over the limit of the row', (text) => text.padEnd(64 * 1024 + 1)],
  ])('give the bytes back %s', async (_, edit) => {
    const bytes = bytesOf(edit(new TextDecoder().decode(image.bytes)))
    const digest = await digestOf(bytes)
    expect((await putManifest(REPOSITORY, 'exact', bytes)).status).toBe(201)
    await expectManifest(REPOSITORY, 'exact', bytes)
    await expectManifest(REPOSITORY, digest, bytes)
  })

  it.each<[string, string, number, string]>([
    ['an unknown tag', 'none', 404, 'MANIFEST_UNKNOWN'],
    ['an unknown digest', UNKNOWN, 404, 'MANIFEST_UNKNOWN'],
    ['a tag of another case', 'LATEST', 404, 'MANIFEST_UNKNOWN'],
    ['a tag with a wildcard of SQL', 'lates_', 404, 'MANIFEST_UNKNOWN'],
    ['what is no tag', '.x', 400, 'TAG_INVALID'],
    ['what is no digest', 'sha256:x', 400, 'DIGEST_INVALID'],
    ['an unsupported algorithm', `md5:${'0'.repeat(32)}`, 400, 'DIGEST_INVALID'],
  ])('of %s: %s is %i', async (_, reference, status, code) => {
    const response = await send('GET', `/v2/${REPOSITORY}/manifests/${reference}`)
    expect(response.status).toBe(status)
    expect(await errorCodes(response)).toEqual([code])
    const head = await send('HEAD', `/v2/${REPOSITORY}/manifests/${reference}`)
    expect(head.status).toBe(status)
    expect(await head.text()).toBe('')
  })

  it('are limited to a repository', async () => {
    const response = await send('GET', `/v2/manifests/other/manifests/${image.digest}`)
    expect(response.status).toBe(404)
  })

  it.each<[string, (digest: Digest) => string, number]>([
    ['the entity tag', (digest) => `"${digest}"`, 304],
    ['the bare digest', (digest) => digest, 304],
    ['a star', () => '*', 304],
    ['another tag', () => `"${UNKNOWN}"`, 200],
    ['an empty header', () => '', 200],
  ])('with If-None-Match of %s', async (_, header, status) => {
    for (const reference of ['latest', image.digest]) {
      const response = await send('GET', `/v2/${REPOSITORY}/manifests/${reference}`, {
        headers: { 'If-None-Match': header(image.digest) },
      })
      expect(response.status).toBe(status)
      expect(response.headers.get('ETag')).toBe(`"${image.digest}"`)
      expect(response.headers.get('Docker-Content-Digest')).toBe(image.digest)
      expect(response.headers.get('Cache-Control')).toBe('no-transform')
      expect(response.headers.get('Vary')).toBe(reference === 'latest' ? 'Accept' : null)
      if (status === 304) expect(await response.text()).toBe('')
    }
  })
})

describe('negotiation by tag', () => {
  let amd64: PushedImage
  const digests: Record<string, Digest> = {}

  async function pushDockerImage(): Promise<PushedImage> {
    const config = await pushBlob(REPOSITORY, bytesOf(JSON.stringify({ id: crypto.randomUUID() })))
    const layer = await pushBlob(REPOSITORY, randomBytes(10))
    const bytes = bytesOf(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA_TYPE_DOCKER_MANIFEST,
        config: { mediaType: MEDIA_TYPE_DOCKER_CONFIG, ...config },
        layers: [{ mediaType: MEDIA_TYPE_DOCKER_LAYER, ...layer }],
      }),
    )
    const digest = await digestOf(bytes)
    const response = await putManifest(REPOSITORY, digest, bytes, MEDIA_TYPE_DOCKER_MANIFEST)
    expect(response.status).toBe(201)
    return { digest, bytes, config, layer }
  }

  async function pushIndex(
    tag: string,
    mediaType: string,
    children: [PushedImage, string, string][],
    childType: string,
  ): Promise<void> {
    const manifests = children.map(([{ digest, bytes }, os, architecture]) => ({
      mediaType: childType,
      digest,
      size: bytes.length,
      platform: { os, architecture },
    }))
    const bytes = bytesOf(JSON.stringify({ schemaVersion: 2, mediaType, manifests }))
    expect((await putManifest(REPOSITORY, tag, bytes, mediaType)).status).toBe(201)
    digests[tag] = await digestOf(bytes)
  }

  beforeAll(async () => {
    amd64 = await pushDockerImage()
    const arm64 = await pushDockerImage()
    digests.amd64 = amd64.digest
    await pushIndex(
      'list',
      MEDIA_TYPE_DOCKER_MANIFEST_LIST,
      [
        [arm64, 'linux', 'arm64'],
        [amd64, 'linux', 'amd64'],
      ],
      MEDIA_TYPE_DOCKER_MANIFEST,
    )
    await pushIndex(
      'arm-list',
      MEDIA_TYPE_DOCKER_MANIFEST_LIST,
      [[arm64, 'linux', 'arm64']],
      MEDIA_TYPE_DOCKER_MANIFEST,
    )
    await pushIndex(
      'index',
      MEDIA_TYPE_OCI_INDEX,
      [[amd64, 'linux', 'amd64']],
      MEDIA_TYPE_DOCKER_MANIFEST,
    )
  })

  // What skopeo, podman and docker send, each type in a line of its own.
  const six = [
    MEDIA_TYPE_OCI_MANIFEST,
    MEDIA_TYPE_DOCKER_MANIFEST,
    MEDIA_TYPE_DOCKER_SCHEMA1_SIGNED,
    MEDIA_TYPE_DOCKER_SCHEMA1,
    MEDIA_TYPE_DOCKER_MANIFEST_LIST,
    MEDIA_TYPE_OCI_INDEX,
  ]

  it.each<[string, string, string[], string]>([
    ['no Accept on a Docker list', 'list', [], 'amd64'],
    ['six Accept lines on a Docker list', 'list', six, 'list'],
    ['one Accept line of six on a Docker list', 'list', [six.join(', ')], 'list'],
    ['images alone on a Docker list', 'list', [MEDIA_TYPE_DOCKER_MANIFEST], 'amd64'],
    ['the list with parameters', 'list', [`${MEDIA_TYPE_DOCKER_MANIFEST_LIST};q=0.5`], 'list'],
    ['the list refused', 'list', [`${MEDIA_TYPE_DOCKER_MANIFEST_LIST};q=0, */*;q=0.1`], 'amd64'],
    ['anything on a Docker list', 'list', ['*/*'], 'list'],
    ['no Accept on an OCI index', 'index', [], 'index'],
    ['six Accept lines on an OCI index', 'index', six, 'index'],
    ['images alone on an OCI index', 'index', [MEDIA_TYPE_DOCKER_MANIFEST], 'amd64'],
  ])('%s', async (_, tag, accept, expected) => {
    const headers = new Headers()
    for (const line of accept) headers.append('Accept', line)
    for (const method of ['GET', 'HEAD']) {
      const response = await send(method, `/v2/${REPOSITORY}/manifests/${tag}`, { headers })
      expect(response.status).toBe(200)
      expect(response.headers.get('Docker-Content-Digest')).toBe(digests[expected])
      expect(response.headers.get('ETag')).toBe(`"${digests[expected]}"`)
      const body = Uint8Array.from(await bodyOf(response))
      if (method === 'GET') expect(await digestOf(body)).toBe(digests[expected])
    }
  })

  it('answers with the child and its own type', async () => {
    const response = await send('GET', `/v2/${REPOSITORY}/manifests/list`)
    expect(response.headers.get('Content-Type')).toBe(MEDIA_TYPE_DOCKER_MANIFEST)
    expect(Buffer.compare(await bodyOf(response), amd64.bytes)).toBe(0)
  })

  it('does not happen by digest', async () => {
    const response = await send('GET', `/v2/${REPOSITORY}/manifests/${digests.list}`)
    expect(response.headers.get('Content-Type')).toBe(MEDIA_TYPE_DOCKER_MANIFEST_LIST)
  })

  it('is 404 if there is no image for linux/amd64', async () => {
    const response = await send('GET', `/v2/${REPOSITORY}/manifests/arm-list`)
    expect(response.status).toBe(404)
    expect(await errorCodes(response)).toEqual(['MANIFEST_UNKNOWN'])
  })

  it.each<[string, string, string | undefined, number]>([
    ['the image, which Accept selects', 'amd64', MEDIA_TYPE_DOCKER_MANIFEST, 304],
    ['the list, while Accept selects the image', 'list', MEDIA_TYPE_DOCKER_MANIFEST, 200],
    ['the list, while no Accept selects the image', 'list', undefined, 200],
    ['the list, which Accept selects', 'list', MEDIA_TYPE_DOCKER_MANIFEST_LIST, 304],
    ['the image, while Accept selects the list', 'amd64', MEDIA_TYPE_DOCKER_MANIFEST_LIST, 200],
  ])('is done before If-None-Match of %s', async (_, held, accept, status) => {
    const selected = accept === MEDIA_TYPE_DOCKER_MANIFEST_LIST ? digests.list : digests.amd64
    const headers = new Headers({ 'If-None-Match': `"${digests[held]}"` })
    if (accept !== undefined) headers.set('Accept', accept)
    for (const method of ['GET', 'HEAD']) {
      const response = await send(method, `/v2/${REPOSITORY}/manifests/list`, { headers })
      expect(response.status).toBe(status)
      expect(response.headers.get('ETag')).toBe(`"${selected}"`)
      expect(response.headers.get('Vary')).toBe('Accept')
    }
  })

  it('answers If-None-Match with 404 if no image can be selected', async () => {
    const response = await send('GET', `/v2/${REPOSITORY}/manifests/arm-list`, {
      headers: { 'If-None-Match': '*' },
    })
    expect(response.status).toBe(404)
    expect(response.headers.get('Vary')).toBe('Accept')
  })
})

describe('DELETE', () => {
  const repository = 'manifests/deleted'

  it('by digest removes the manifest and its tags, once', async () => {
    const { digest, bytes } = await pushImage(repository, 'one')
    await putManifest(repository, 'two', bytes)
    const other = await pushImage(repository, 'other')
    const deleted = await send('DELETE', `/v2/${repository}/manifests/${digest}`)
    expect(deleted.status).toBe(202)
    expect(await deleted.text()).toBe('')
    for (const reference of [digest, 'one', 'two']) {
      const response = await send('GET', `/v2/${repository}/manifests/${reference}`)
      expect(response.status).toBe(404)
      expect(await errorCodes(response)).toEqual(['MANIFEST_UNKNOWN'])
    }
    await expectManifest(repository, 'other', other.bytes)
    const tags = await send('GET', `/v2/${repository}/tags/list`)
    expect(await tags.json()).toEqual({ name: repository, tags: ['other'] })
    expect((await send('DELETE', `/v2/${repository}/manifests/${digest}`)).status).toBe(404)
  })

  it('lets the same manifest be pushed again', async () => {
    const { digest, bytes } = await pushImage(repository, 'again')
    await send('DELETE', `/v2/${repository}/manifests/${digest}`)
    expect((await putManifest(repository, digest, bytes)).status).toBe(201)
    await expectManifest(repository, digest, bytes)
  })

  it('lets a manifest of more than 64 KiB be pushed again', async () => {
    const { config, layer } = await pushImage(repository, 'large')
    const bytes = imageManifest(config, [layer], { padding: 'x'.repeat(70_000) })
    const digest = await digestOf(bytes)
    await putManifest(repository, digest, bytes)
    await send('DELETE', `/v2/${repository}/manifests/${digest}`)
    expect((await putManifest(repository, 'large', bytes)).status).toBe(201)
    await expectManifest(repository, 'large', bytes)
  })

  it('by tag leaves the manifest and its other tags', async () => {
    const { digest, bytes } = await pushImage(repository, 'first')
    await putManifest(repository, 'second', bytes)
    const deleted = await send('DELETE', `/v2/${repository}/manifests/first`)
    expect(deleted.status).toBe(202)
    expect(await deleted.text()).toBe('')
    expect((await send('GET', `/v2/${repository}/manifests/first`)).status).toBe(404)
    expect((await send('DELETE', `/v2/${repository}/manifests/first`)).status).toBe(404)
    await expectManifest(repository, 'second', bytes)
    await expectManifest(repository, digest, bytes)
  })

  it('of the last tag leaves an empty list', async () => {
    await pushImage('manifests/last', 'only')
    await send('DELETE', '/v2/manifests/last/manifests/only')
    const tags = await send('GET', '/v2/manifests/last/tags/list')
    expect(await tags.json()).toEqual({ name: 'manifests/last', tags: [] })
  })

  it("refuses an index's child until the index is gone", async () => {
    const child = await pushImage(repository, 'child')
    const index = bytesOf(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA_TYPE_OCI_INDEX,
        manifests: [
          { mediaType: MEDIA_TYPE_OCI_MANIFEST, digest: child.digest, size: child.bytes.length },
        ],
      }),
    )
    const digest = await digestOf(index)
    await putManifest(repository, 'the-index', index, MEDIA_TYPE_OCI_INDEX)
    const refused = await send('DELETE', `/v2/${repository}/manifests/${child.digest}`)
    expect(refused.status).toBe(405)
    expect(refused.headers.get('Allow')).toBe('GET, HEAD, PUT')
    const { errors } = await refused.json<ErrorBody>()
    const holders = [{ digest, tags: ['the-index'], tagged: true }]
    expect(errors).toMatchObject([
      { code: 'UNSUPPORTED', detail: { digest: child.digest, holders } },
    ])
    await expectManifest(repository, 'child', child.bytes)

    expect((await send('DELETE', `/v2/${repository}/manifests/${digest}`)).status).toBe(202)
    const deleted = await send('DELETE', `/v2/${repository}/manifests/${child.digest}`)
    expect(deleted.status).toBe(202)
  })

  it('removes a subject, and its referrers stay', async () => {
    const subject = await pushImage(repository, 'subject')
    const referrer = await pushImage(repository, 'referrer', {
      subject: {
        mediaType: MEDIA_TYPE_OCI_MANIFEST,
        digest: subject.digest,
        size: subject.bytes.length,
      },
    })
    const deleted = await send('DELETE', `/v2/${repository}/manifests/${subject.digest}`)
    expect(deleted.status).toBe(202)
    await expectManifest(repository, referrer.digest, referrer.bytes)
  })

  it.each([UNKNOWN, 'none'])(
    'of %s is 404, in a known and an unknown repository',
    async (reference) => {
      for (const name of [repository, 'manifests/nowhere']) {
        const response = await send('DELETE', `/v2/${name}/manifests/${reference}`)
        expect(response.status).toBe(404)
        expect(await errorCodes(response)).toEqual(['MANIFEST_UNKNOWN'])
      }
    },
  )

  // CVE-2026-41888: the delete of a tag went past the switch.
  it.each<[string, () => string]>([
    ['a tag', () => 'latest'],
    ['a digest', () => image.digest],
    ['an unknown tag', () => 'none'],
    ['an unknown digest', () => UNKNOWN],
    ['what is neither', () => '.x'],
  ])('of %s is 405 if deletes are disabled', async (_, reference) => {
    const path = `/v2/${REPOSITORY}/manifests/${reference()}`
    const response = await send('DELETE', path, {}, { ...bindings, DELETE_ENABLED: 'false' })
    expect(response.status).toBe(405)
    expect(response.headers.get('Allow')).toBe('GET, HEAD')
    expect(await errorCodes(response)).toEqual(['UNSUPPORTED'])
    await expectManifest(REPOSITORY, 'latest', image.bytes)
    await expectManifest(REPOSITORY, image.digest, image.bytes)
  })
})

describe('a manifest whose bytes are gone from R2', () => {
  it('is a fault of the registry: 500', async () => {
    const bytes = imageManifest(image.config, [image.layer], { padding: 'y'.repeat(70_000) })
    await putManifest(REPOSITORY, 'lost', bytes)
    const { objects } = await env.BUCKET.list()
    await env.BUCKET.delete(objects.map(({ key }) => key))
    const response = await send('GET', `/v2/${REPOSITORY}/manifests/lost`)
    expect(response.status).toBe(500)
    expect(await errorCodes(response)).toEqual(['UNKNOWN'])
  })
})
