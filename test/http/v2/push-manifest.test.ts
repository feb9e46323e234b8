/** Pushing manifests: what is taken, what is refused and how the refusal reads. OCI distribution spec, end-7. */
import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Digest, digestOf } from '../../../src/oci/digest.ts'
import {
  MEDIA_TYPE_DOCKER_FOREIGN_LAYER,
  MEDIA_TYPE_DOCKER_MANIFEST,
  MEDIA_TYPE_DOCKER_MANIFEST_LIST,
  MEDIA_TYPE_DOCKER_SCHEMA1_SIGNED,
  MEDIA_TYPE_OCI_CONFIG,
  MEDIA_TYPE_OCI_EMPTY,
  MEDIA_TYPE_OCI_INDEX,
  MEDIA_TYPE_OCI_LAYER,
  MEDIA_TYPE_OCI_LAYER_NONDISTRIBUTABLE_GZIP,
  MEDIA_TYPE_OCI_MANIFEST,
} from '../../../src/oci/media-types.ts'
import {
  bytesOf,
  type ErrorBody,
  errorCodes,
  imageManifest,
  ORIGIN,
  type PushedBlob,
  type PushedImage,
  pushBlob,
  pushImage,
  putManifest,
  send,
} from '../../support/registry.ts'

const REPOSITORY = 'push/app'
/** Written out, so that the limit cannot move without this test. */
const LIMIT = 4 * 1024 * 1024
const UNKNOWN: Digest = `sha256:${'0'.repeat(64)}`
const ABSENT: PushedBlob = { digest: UNKNOWN, size: 7 }

let image: PushedImage
let empty: PushedBlob

beforeAll(async () => {
  image = await pushImage(REPOSITORY, 'base')
  empty = await pushBlob(REPOSITORY, bytesOf('{}'))
})

type Members = Record<string, unknown>

function descriptor(mediaType: string, { digest, size }: PushedBlob, extra: Members = {}): Members {
  return { mediaType, digest, size, ...extra }
}

/** The members of a valid image of the blobs that are there. */
function valid(): Members {
  return {
    schemaVersion: 2,
    mediaType: MEDIA_TYPE_OCI_MANIFEST,
    config: descriptor(MEDIA_TYPE_OCI_CONFIG, image.config),
    layers: [descriptor(MEDIA_TYPE_OCI_LAYER, image.layer)],
  }
}

function child(extra: Members = {}): Members {
  const { digest, bytes } = image
  return descriptor(MEDIA_TYPE_OCI_MANIFEST, { digest, size: bytes.length }, extra)
}

function layerOf(size = image.layer.size): Members {
  return descriptor(MEDIA_TYPE_OCI_LAYER, { ...image.layer, size })
}

function index(...manifests: Members[]): Members {
  return { schemaVersion: 2, mediaType: MEDIA_TYPE_OCI_INDEX, manifests }
}

function put(body: Members | string, contentType: string | null, tag = 'pushed') {
  const bytes = bytesOf(typeof body === 'string' ? body : JSON.stringify(body))
  return send('PUT', `/v2/${REPOSITORY}/manifests/${tag}`, {
    body: bytes,
    headers: contentType === null ? {} : { 'Content-Type': contentType },
  })
}

describe('a push', () => {
  it.each(['tag', 'sha256', 'sha512'] as const)('by %s is 201', async (by) => {
    const bytes = imageManifest(image.config, [image.layer], { by })
    const digest = await digestOf(bytes, by === 'sha512' ? 'sha512' : 'sha256')
    const response = await putManifest(REPOSITORY, by === 'tag' ? 'latest' : digest, bytes)
    expect(response.status).toBe(201)
    expect(response.headers.get('Location')).toBe(`${ORIGIN}/v2/${REPOSITORY}/manifests/${digest}`)
    expect(response.headers.get('Docker-Content-Digest')).toBe(digest)
    expect(response.headers.has('OCI-Subject')).toBe(false)
    expect(response.headers.has('OCI-Tag')).toBe(false)
    expect(await response.text()).toBe('')
    const pulled = await send('GET', `/v2/${REPOSITORY}/manifests/${digest}`)
    expect(new Uint8Array(await pulled.arrayBuffer())).toEqual(bytes)
  })

  it('moves a tag, and may be repeated', async () => {
    const one = imageManifest(image.config, [image.layer], { version: 1 })
    const two = imageManifest(image.config, [image.layer], { version: 2 })
    for (const bytes of [one, one, two, one]) {
      expect((await putManifest(REPOSITORY, 'moving', bytes)).status).toBe(201)
      const pulled = await send('GET', `/v2/${REPOSITORY}/manifests/moving`)
      expect(pulled.headers.get('Docker-Content-Digest')).toBe(await digestOf(bytes))
    }
  })

  it('under the digest of other bytes is 400', async () => {
    for (const digest of [UNKNOWN, `sha512:${'0'.repeat(128)}`]) {
      const response = await putManifest(REPOSITORY, digest, image.bytes)
      expect(response.status).toBe(400)
      expect(await errorCodes(response)).toEqual(['DIGEST_INVALID'])
      expect((await send('HEAD', `/v2/${REPOSITORY}/manifests/${digest}`)).status).toBe(404)
    }
  })

  it.each(['.x', 'a%2Fb', `${'t'.repeat(129)}`])('under the tag %.20s is 400', async (tag) => {
    const response = await putManifest(REPOSITORY, tag, image.bytes)
    expect(response.status).toBe(400)
    expect(await errorCodes(response)).toEqual(['TAG_INVALID'])
  })
})

describe('what is accepted', () => {
  it.each<[string, () => Members, string | null, string]>([
    [
      'a Content-Type with parameters',
      valid,
      `${MEDIA_TYPE_OCI_MANIFEST}; charset=utf-8`,
      MEDIA_TYPE_OCI_MANIFEST,
    ],
    [
      'a Content-Type in another case',
      valid,
      MEDIA_TYPE_OCI_MANIFEST.toUpperCase(),
      MEDIA_TYPE_OCI_MANIFEST,
    ],
    ['application/json', valid, 'application/json', MEDIA_TYPE_OCI_MANIFEST],
    ['no Content-Type', valid, null, MEDIA_TYPE_OCI_MANIFEST],
    [
      'no mediaType',
      () => ({ ...valid(), mediaType: undefined }),
      MEDIA_TYPE_OCI_MANIFEST,
      MEDIA_TYPE_OCI_MANIFEST,
    ],
    ['neither', () => ({ ...valid(), mediaType: undefined }), null, MEDIA_TYPE_OCI_MANIFEST],
    [
      'an index with neither',
      () => ({ ...index(child()), mediaType: undefined }),
      null,
      MEDIA_TYPE_OCI_INDEX,
    ],
    [
      'Docker v2',
      () => ({ ...valid(), mediaType: MEDIA_TYPE_DOCKER_MANIFEST }),
      null,
      MEDIA_TYPE_DOCKER_MANIFEST,
    ],
    ['no layers', () => ({ ...valid(), layers: [] }), null, MEDIA_TYPE_OCI_MANIFEST],
    ['layers that are null', () => ({ ...valid(), layers: null }), null, MEDIA_TYPE_OCI_MANIFEST],
    [
      'an artifact of the empty descriptor',
      () => ({
        ...valid(),
        artifactType: 'application/vnd.example',
        config: descriptor(MEDIA_TYPE_OCI_EMPTY, empty, { data: 'e30=' }),
        layers: [descriptor(MEDIA_TYPE_OCI_EMPTY, empty, { data: 'e30=' })],
      }),
      null,
      MEDIA_TYPE_OCI_MANIFEST,
    ],
    ['no layers member', () => ({ ...valid(), layers: undefined }), null, MEDIA_TYPE_OCI_MANIFEST],
    [
      'media types without a slash, as oras pushes a.txt:doc',
      () => ({ ...valid(), artifactType: 'thing', layers: [{ ...layerOf(), mediaType: 'doc' }] }),
      null,
      MEDIA_TYPE_OCI_MANIFEST,
    ],
    [
      'descriptors of no media type',
      () => ({
        ...valid(),
        config: { ...image.config },
        layers: [{ ...layerOf(), mediaType: '' }],
      }),
      null,
      MEDIA_TYPE_OCI_MANIFEST,
    ],
    [
      'the same layer twice',
      () => {
        const layer = descriptor(MEDIA_TYPE_OCI_LAYER, image.layer)
        return { ...valid(), layers: [layer, layer] }
      },
      null,
      MEDIA_TYPE_OCI_MANIFEST,
    ],
    [
      'fields that no spec names',
      () => ({ ...valid(), 'x-y': [{}], constructor: 1 }),
      null,
      MEDIA_TYPE_OCI_MANIFEST,
    ],
    [
      'layers elsewhere that must not be distributed',
      () => ({
        ...valid(),
        layers: [
          descriptor(MEDIA_TYPE_OCI_LAYER_NONDISTRIBUTABLE_GZIP, ABSENT),
          descriptor(MEDIA_TYPE_DOCKER_FOREIGN_LAYER, ABSENT, {
            urls: ['https://example.com/layer'],
          }),
        ],
      }),
      null,
      MEDIA_TYPE_OCI_MANIFEST,
    ],
    [
      'an index',
      () => index(child({ platform: { os: 'linux', architecture: 'amd64' } })),
      null,
      MEDIA_TYPE_OCI_INDEX,
    ],
    ['an empty index', () => index(), null, MEDIA_TYPE_OCI_INDEX],
    [
      'annotations',
      () => ({ ...valid(), annotations: { a: '', '': 'b', '\u{1f433}': '\u0000' } }),
      null,
      MEDIA_TYPE_OCI_MANIFEST,
    ],
  ])('%s', async (_, members, contentType, servedAs) => {
    const response = await put(members(), contentType)
    expect(await response.text()).toBe('')
    expect(response.status).toBe(201)
    const headers = { Accept: '*/*' }
    const pulled = await send('GET', `/v2/${REPOSITORY}/manifests/pushed`, { headers })
    expect(pulled.headers.get('Content-Type')).toBe(servedAs)
    expect(await pulled.text()).toBe(JSON.stringify(members()))
  })

  it('an index of an index', async () => {
    const inner = bytesOf(JSON.stringify(index(child())))
    await putManifest(REPOSITORY, 'inner', inner, MEDIA_TYPE_OCI_INDEX)
    const nested = { digest: await digestOf(inner), size: inner.length }
    const response = await put(index(descriptor(MEDIA_TYPE_OCI_INDEX, nested), child()), null)
    expect(response.status).toBe(201)
  })
})

describe('what is refused as MANIFEST_INVALID, and the field that the message names', () => {
  it.each<[string, () => Members | string, string | null, string]>([
    // CVE-2021-41190: one document, two readings.
    ['manifests beside layers', () => ({ ...valid(), manifests: [] }), null, 'manifests'],
    ['layers beside manifests', () => ({ ...index(), layers: [] }), null, 'layers'],
    ['config beside manifests', () => ({ ...index(), config: valid().config }), null, 'config'],
    [
      'both, of no declared type',
      () => ({ ...valid(), mediaType: undefined, manifests: [] }),
      null,
      'config',
    ],
    ['an index sent as an image', () => index(), MEDIA_TYPE_OCI_MANIFEST, 'mediaType'],
    ['an image sent as an index', valid, MEDIA_TYPE_OCI_INDEX, 'mediaType'],
    ['an image sent as Docker v2', valid, MEDIA_TYPE_DOCKER_MANIFEST, 'mediaType'],
    [
      'the layers of an index by its Content-Type',
      () => ({ ...valid(), mediaType: undefined }),
      MEDIA_TYPE_OCI_INDEX,
      'config',
    ],
    [
      'Docker v2 without mediaType',
      () => ({ ...valid(), mediaType: undefined }),
      MEDIA_TYPE_DOCKER_MANIFEST,
      'mediaType',
    ],
    ['a key that differs by case', () => ({ ...valid(), Layers: [] }), null, 'Layers'],
    [
      'a duplicate key',
      () => JSON.stringify(valid()).replace('{', '{"schemaVersion":2,'),
      null,
      'duplicate key "schemaVersion"',
    ],

    ['an unknown Content-Type', valid, 'text/plain', 'Content-Type'],
    ['an unknown mediaType', () => ({ ...valid(), mediaType: 'application/x' }), null, 'mediaType'],
    [
      'schema 1',
      () => ({ schemaVersion: 1, fsLayers: [], history: [] }),
      MEDIA_TYPE_DOCKER_SCHEMA1_SIGNED,
      'schemaVersion',
    ],
    ['fsLayers', () => ({ ...valid(), fsLayers: [] }), null, 'fsLayers'],
    ['schemaVersion 3', () => ({ ...valid(), schemaVersion: 3 }), null, 'schemaVersion'],
    ['schemaVersion "2"', () => ({ ...valid(), schemaVersion: '2' }), null, 'schemaVersion'],
    ['no schemaVersion', () => ({ ...valid(), schemaVersion: undefined }), null, 'schemaVersion'],
    ['no config', () => ({ ...valid(), config: undefined }), null, 'config'],
    ['layers that are an object', () => ({ ...valid(), layers: {} }), null, 'layers'],
    ['a layer that is a string', () => ({ ...valid(), layers: ['x'] }), null, 'layers[0]'],
    ['10,001 layers', () => ({ ...valid(), layers: Array(10_001).fill(child()) }), null, 'layers'],

    [
      'a negative size',
      () => ({ ...valid(), config: { ...child(), size: -1 } }),
      null,
      'config.size',
    ],
    [
      'a size that is no integer',
      () => ({ ...valid(), config: { ...child(), size: 1.5 } }),
      null,
      'config.size',
    ],
    [
      'a size in a string',
      () => ({ ...valid(), config: { ...child(), size: '2' } }),
      null,
      'config.size',
    ],
    [
      'a size beyond 2^53',
      () => ({ ...valid(), config: { ...child(), size: 2 ** 60 } }),
      null,
      'config.size',
    ],
    [
      'no digest',
      () => ({ ...valid(), config: { ...child(), digest: undefined } }),
      null,
      'config.digest',
    ],
    [
      'a digest that is none',
      () => ({ ...valid(), config: { ...child(), digest: 'sha256:x' } }),
      null,
      'config.digest',
    ],
    [
      'an index entry without mediaType',
      () => index({ ...child(), mediaType: '' }),
      null,
      'manifests[0].mediaType',
    ],
    [
      'data that does not hash to its digest',
      () => ({
        ...valid(),
        config: descriptor(MEDIA_TYPE_OCI_EMPTY, empty, { data: 'e30=' }),
        layers: [descriptor(MEDIA_TYPE_OCI_EMPTY, empty, { data: 'W10=' })],
      }),
      null,
      'data',
    ],
    [
      'data of a subject that does not hash to its digest',
      () => ({
        ...valid(),
        subject: descriptor('x', { digest: UNKNOWN, size: 2 }, { data: 'e30=' }),
      }),
      null,
      'data',
    ],
    [
      'one digest with two sizes',
      () => ({ ...valid(), layers: [layerOf(image.layer.size), layerOf(image.layer.size + 1)] }),
      null,
      'size',
    ],
    [
      'data of another size',
      () => ({ ...valid(), config: { ...child(), data: 'e30=' } }),
      null,
      'config.data',
    ],
    ['a subject that is none', () => ({ ...valid(), subject: {} }), null, 'subject.mediaType'],
    [
      'annotations of numbers',
      () => ({ ...valid(), annotations: { n: 1 } }),
      null,
      'annotations["n"]',
    ],
    [
      'an artifactType with markup',
      () => ({ ...valid(), artifactType: '<script>' }),
      null,
      'artifactType',
    ],

    ['nothing', () => '', null, 'JSON'],
    ['half of it', () => JSON.stringify(valid()).slice(0, 100), null, 'JSON'],
    ['two of it', () => JSON.stringify(valid()).repeat(2), null, 'JSON'],
    ['null', () => 'null', null, 'expected an object'],
    ['an array', () => '[]', null, 'expected an object'],
    ['33 levels', () => `{"x":${'['.repeat(32)}${']'.repeat(32)}}`, null, 'nested deeper than 32'],
    ['a hundred thousand levels', () => '['.repeat(100_000), null, 'nested deeper than 32'],
    ['a byte order mark', () => `\ufeff${JSON.stringify(valid())}`, null, 'JSON'],
    [
      'a lone surrogate',
      () => JSON.stringify(valid()).replace('{', '{"\\ud800":1,'),
      null,
      'surrogate',
    ],
  ])('%s', async (_, body, contentType, named) => {
    const response = await put(body(), contentType, 'refused')
    expect(response.status).toBe(400)
    const { errors } = await response.json<ErrorBody>()
    expect(errors.map(({ code }) => code)).toEqual(['MANIFEST_INVALID'])
    expect(errors[0]?.message).toContain(named)
    expect((await send('HEAD', `/v2/${REPOSITORY}/manifests/refused`)).status).toBe(404)
  })

  it('bytes that are not UTF-8', async () => {
    const bytes = imageManifest(image.config, [image.layer], { annotations: { a: 'XX' } })
    bytes.set([0xc3, 0x28], bytes.lastIndexOf(0x58) - 1)
    const response = await putManifest(REPOSITORY, 'refused', bytes)
    expect(response.status).toBe(400)
    expect(await errorCodes(response)).toEqual(['MANIFEST_INVALID'])
  })
})

describe('a reference of a manifest', () => {
  const bytes = ['config', 'layer 1', 'layer 2'].map((text) => bytesOf(`refers ${text}`))

  it('is named in the error if it is missing, once each', async () => {
    const repository = 'push/missing'
    const blobs = await Promise.all(
      bytes.map(async (content) => ({ digest: await digestOf(content), size: content.length })),
    )
    const [config, ...layers] = blobs
    if (config === undefined) throw new Error('no config')
    const [first] = layers
    // The same missing layer twice is one thing that is missing.
    const manifest = imageManifest(config, first === undefined ? layers : [...layers, first])
    const digests = blobs.map(({ digest }) => digest)

    for (const [present, content] of bytes.entries()) {
      const response = await putManifest(repository, 'latest', manifest)
      expect(response.status).toBe(400)
      const { errors } = await response.json<ErrorBody>()
      expect(errors.map(({ code, detail }) => [code, detail])).toEqual(
        digests.slice(present).map((digest) => ['MANIFEST_BLOB_UNKNOWN', digest]),
      )
      await pushBlob(repository, content)
    }
    expect((await putManifest(repository, 'latest', manifest)).status).toBe(201)
  })

  it('must be in the same repository', async () => {
    const response = await putManifest('push/elsewhere', 'latest', image.bytes)
    expect(response.status).toBe(400)
    expect(await errorCodes(response)).toEqual(['MANIFEST_BLOB_UNKNOWN', 'MANIFEST_BLOB_UNKNOWN'])
  })

  it('may be a blob in an index, which is protected like a layer', async () => {
    const repository = 'push/cache'
    const layer = await pushBlob(repository, bytesOf('a layer of the cache'))
    const config = await pushBlob(repository, bytesOf('{"layers":[],"records":[]}'))
    // As BuildKit writes its cache with image-manifest=false.
    const cache = index(
      descriptor(MEDIA_TYPE_OCI_LAYER, layer),
      descriptor('application/vnd.buildkit.cacheconfig.v0', config),
    )
    for (const [mediaType, tag] of [
      [MEDIA_TYPE_OCI_INDEX, 'oci'],
      [MEDIA_TYPE_DOCKER_MANIFEST_LIST, 'docker'],
    ] as const) {
      const bytes = bytesOf(JSON.stringify({ ...cache, mediaType }))
      const response = await putManifest(repository, tag, bytes, mediaType)
      expect(response.status).toBe(201)
      const pulled = await send('GET', `/v2/${repository}/manifests/${tag}`, {
        headers: { Accept: mediaType },
      })
      expect(new Uint8Array(await pulled.arrayBuffer())).toEqual(bytes)
    }
    for (const { digest } of [layer, config]) {
      const path = `/v2/${repository}/blobs/${digest}`
      expect((await send('DELETE', path)).status).toBe(405)
      expect((await send('GET', path)).status).toBe(200)
    }
  })

  it('may be a manifest that was pushed as a blob', async () => {
    const asBlob = await pushBlob(
      REPOSITORY,
      imageManifest(image.config, [], { pushed: 'as blob' }),
    )
    const response = await put(index(descriptor(MEDIA_TYPE_OCI_MANIFEST, asBlob)), null, 'as-blob')
    expect(response.status).toBe(201)
    expect((await send('DELETE', `/v2/${REPOSITORY}/blobs/${asBlob.digest}`)).status).toBe(405)
  })

  it('may be a manifest in a layer, which is protected like a child', async () => {
    const held = await pushImage('push/held', 'held')
    const layers = [descriptor(MEDIA_TYPE_OCI_MANIFEST, { ...held, size: held.bytes.length })]
    const config = descriptor(MEDIA_TYPE_OCI_CONFIG, held.config)
    const bytes = bytesOf(JSON.stringify({ ...valid(), config, layers }))
    expect((await putManifest('push/held', 'holder', bytes)).status).toBe(201)
    const removed = await send('DELETE', `/v2/push/held/manifests/${held.digest}`)
    expect(removed.status).toBe(405)
  })

  it.each(['small', 'large'])('is looked up by its own media type: a %s one', async (size) => {
    const padding = size === 'large' ? 'x'.repeat(70_000) : ''
    const manifest = { digest: image.digest, size: image.bytes.length }
    const members = index(
      child(),
      descriptor(MEDIA_TYPE_OCI_LAYER, image.layer),
      descriptor(MEDIA_TYPE_OCI_LAYER, manifest),
      descriptor(MEDIA_TYPE_OCI_MANIFEST, ABSENT),
      descriptor(MEDIA_TYPE_OCI_LAYER_NONDISTRIBUTABLE_GZIP, ABSENT),
    )
    const response = await put({ ...members, padding }, null)
    expect(response.status).toBe(400)
    const { errors } = await response.json<ErrorBody>()
    expect(errors.map(({ code, detail }) => [code, detail])).toEqual([
      ['MANIFEST_BLOB_UNKNOWN', image.digest],
      ['MANIFEST_BLOB_UNKNOWN', UNKNOWN],
    ])
  })

  it.each(['small', 'large'])('must have the type that its entry says: a %s one', async (size) => {
    const padding = size === 'large' ? 'x'.repeat(70_000) : ''
    const members = index({ ...child(), mediaType: MEDIA_TYPE_OCI_INDEX })
    const response = await put({ ...members, padding }, null)
    expect(response.status).toBe(400)
    const { errors } = await response.json<ErrorBody>()
    expect(errors.map(({ code, detail }) => [code, detail])).toEqual([
      ['MANIFEST_INVALID', image.digest],
    ])
    expect(errors[0]?.message).toContain(`it was pushed as ${MEDIA_TYPE_OCI_MANIFEST}`)
  })

  it('may be 10,000 layers, or 10,000 manifests', async () => {
    const repository = 'push/many'
    await pushImage(repository, 'first')
    const digests = Array.from(
      { length: 10_000 },
      (_, n) => `sha512:${String(n).padStart(128, '0')}`,
    )
    const statements = [
      `INSERT INTO blobs (digest, size, storage_key, created_at)
       SELECT value, 7, 'many/' || value, 0 FROM json_each(?1)`,
      `INSERT INTO repository_blobs (repository_id, digest, linked_at)
       SELECT repositories.id, value, 0 FROM repositories, json_each(?1) WHERE name = ?2`,
      `INSERT INTO manifests (repository_id, digest, media_type, size, payload, created_at, pushed_at)
       SELECT repositories.id, value, '${MEDIA_TYPE_OCI_MANIFEST}', 7, '', 0, 0 FROM repositories, json_each(?1)
       WHERE name = ?2`,
    ]
    const json = JSON.stringify(digests)
    for (const sql of statements) {
      await env.DB.prepare(sql)
        .bind(...(sql.includes('?2') ? [json, repository] : [json]))
        .run()
    }
    const all = (mediaType: string) => digests.map((digest) => ({ mediaType, digest, size: 7 }))
    await pushBlob(repository, bytesOf('{}'))
    const config = descriptor(MEDIA_TYPE_OCI_EMPTY, empty)
    const artifact = { ...valid(), config, layers: all(MEDIA_TYPE_OCI_LAYER) }
    const image = bytesOf(JSON.stringify(artifact))
    expect((await putManifest(repository, 'layers', image)).status).toBe(201)
    const list = bytesOf(JSON.stringify(index(...all(MEDIA_TYPE_OCI_MANIFEST))))
    expect((await putManifest(repository, 'list', list, MEDIA_TYPE_OCI_INDEX)).status).toBe(201)
    const count = async (table: string, bytes: Uint8Array<ArrayBuffer>) =>
      env.DB.prepare(`SELECT count(*) AS n FROM ${table} WHERE manifest_digest = ?1`)
        .bind(await digestOf(bytes))
        .first('n')
    expect(await count('manifest_blobs', image)).toBe(10_001)
    expect(await count('manifest_children', list)).toBe(10_000)
  })

  it.each<[string, () => Members]>([
    [
      'a config',
      () => ({
        ...valid(),
        config: { ...descriptor(MEDIA_TYPE_OCI_CONFIG, image.config), size: 1 },
      }),
    ],
    [
      'a layer',
      () => ({
        ...valid(),
        layers: [{ ...descriptor(MEDIA_TYPE_OCI_LAYER, image.layer), size: 1 }],
      }),
    ],
    ['a child', () => index({ ...child(), size: 1 })],
  ])('must have the size that the descriptor of %s says', async (_, members) => {
    const response = await put(members(), null)
    expect(response.status).toBe(400)
    const { errors } = await response.json<ErrorBody>()
    expect(errors.map(({ code }) => code)).toEqual(['MANIFEST_INVALID'])
    expect(errors[0]?.message).toContain('says 1 bytes')
  })
})

describe('the limit of 4 MiB', () => {
  function ofSize(size: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(size).fill(0x20)
    bytes.set(imageManifest(image.config, [image.layer]))
    return bytes
  }

  function chunked(bytes: Uint8Array): ReadableStream<Uint8Array> {
    let at = 0
    return new ReadableStream({
      pull(controller) {
        if (at >= bytes.length) return controller.close()
        controller.enqueue(bytes.slice(at, at + 100_000))
        at += 100_000
      },
    })
  }

  function init(bytes: Uint8Array<ArrayBuffer>, isChunked: boolean): RequestInit {
    const type = { 'Content-Type': MEDIA_TYPE_OCI_MANIFEST }
    return isChunked
      ? { body: chunked(bytes), headers: type }
      : { body: bytes, headers: { ...type, 'Content-Length': String(bytes.length) } }
  }

  it.each([false, true])('accepts exactly 4 MiB; chunked: %s', async (isChunked) => {
    const bytes = ofSize(LIMIT)
    const response = await send('PUT', `/v2/${REPOSITORY}/manifests/max`, init(bytes, isChunked))
    expect(response.status).toBe(201)
    const pulled = await send('GET', `/v2/${REPOSITORY}/manifests/max`)
    expect(Buffer.compare(Buffer.from(await pulled.arrayBuffer()), bytes)).toBe(0)
  })

  it.each([false, true])('refuses one byte more; chunked: %s', async (isChunked) => {
    const bytes = ofSize(LIMIT + 1)
    const response = await send('PUT', `/v2/${REPOSITORY}/manifests/more`, init(bytes, isChunked))
    expect(response.status).toBe(413)
    expect(await errorCodes(response)).toEqual(['MANIFEST_INVALID'])
    expect((await send('HEAD', `/v2/${REPOSITORY}/manifests/more`)).status).toBe(404)
  })

  it('holds for a body with a false length', async () => {
    const response = await send('PUT', `/v2/${REPOSITORY}/manifests/more`, {
      body: chunked(ofSize(LIMIT + 1)),
      headers: { 'Content-Type': MEDIA_TYPE_OCI_MANIFEST, 'Content-Length': '10' },
    })
    expect(response.status).toBe(413)
  })

  it('refuses an endless body as soon as it exceeds the limit', async () => {
    let sent = 0
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 65_536
        controller.enqueue(new Uint8Array(65_536))
      },
    })
    const response = await send('PUT', `/v2/${REPOSITORY}/manifests/endless`, { body })
    expect(response.status).toBe(413)
    expect(sent).toBeLessThan(2 * LIMIT)
  })
})

describe('?tag=', () => {
  it('sets several tags with a push by digest, and names them', async () => {
    const bytes = imageManifest(image.config, [image.layer], { tagged: 'by digest' })
    const digest = await digestOf(bytes)
    const response = await putManifest(REPOSITORY, `${digest}?tag=a1&tag=a2&tag=a1`, bytes)
    expect(response.status).toBe(201)
    expect(response.headers.get('OCI-Tag')).toBe('a1, a2')
    for (const tag of ['a1', 'a2']) {
      const pulled = await send('HEAD', `/v2/${REPOSITORY}/manifests/${tag}`)
      expect(pulled.headers.get('Docker-Content-Digest')).toBe(digest)
    }
  })

  it('adds to the tag of a push by tag', async () => {
    const bytes = imageManifest(image.config, [image.layer], { tagged: 'by tag' })
    const response = await putManifest(REPOSITORY, 'b0?tag=b1', bytes)
    expect(response.headers.get('OCI-Tag')).toBe('b1')
    for (const tag of ['b0', 'b1']) {
      expect((await send('HEAD', `/v2/${REPOSITORY}/manifests/${tag}`)).status).toBe(200)
    }
  })

  it.each<[number, number]>([
    [10, 201],
    [64, 201],
    [65, 414],
  ])('%i times is %i', async (count, status) => {
    const query = Array.from({ length: count }, (_, i) => `tag=many-${count}-${i}`).join('&')
    const response = await putManifest(REPOSITORY, `${image.digest}?${query}`, image.bytes)
    expect(response.status).toBe(status)
    const last = await send('HEAD', `/v2/${REPOSITORY}/manifests/many-${count}-${count - 1}`)
    expect(last.status).toBe(status === 201 ? 200 : 404)
  })

  it.each([
    [2, false],
    [3, true],
  ])('of %i tags, the events of a large list leave it out: %s', async (count, isLeftOut) => {
    const layers = Array.from({ length: 500 }, () =>
      descriptor(MEDIA_TYPE_OCI_LAYER_NONDISTRIBUTABLE_GZIP, ABSENT),
    )
    const repository = `push/told-${count}`
    const empty = await pushBlob(repository, bytesOf('{}'))
    const config = descriptor(MEDIA_TYPE_OCI_CONFIG, empty)
    const bytes = bytesOf(JSON.stringify({ ...valid(), config, layers }))
    const query = Array.from({ length: count }, (_, i) => `tag=t${i}`).join('&')
    const response = await putManifest(repository, `${await digestOf(bytes)}?${query}`, bytes)
    expect(response.status).toBe(201)
    const { results } = await env.DB.prepare(
      `SELECT event ->> '$.target.truncated' AS truncated, json_array_length(event, '$.target.references') AS told, length(event) AS length
      FROM events WHERE repository = ?1 AND event ->> '$.target.tag' IS NOT NULL`,
    )
      .bind(repository)
      .all<{ truncated: number | null; told: number | null; length: number }>()
    expect(results).toHaveLength(count)
    for (const event of results) {
      expect(event).toMatchObject(
        isLeftOut ? { truncated: 1, told: null } : { truncated: null, told: 501 },
      )
    }
    expect(results.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(200_000)
  })

  it.each(['', '.x', 'a/b', UNKNOWN, 't'.repeat(129)])(
    'that is no tag (%.20s) is 400, and sets none',
    async (tag) => {
      const reference = `${image.digest}?tag=never&tag=${encodeURIComponent(tag)}`
      const response = await putManifest(REPOSITORY, reference, image.bytes)
      expect(response.status).toBe(400)
      expect(await errorCodes(response)).toEqual(['TAG_INVALID'])
      expect((await send('HEAD', `/v2/${REPOSITORY}/manifests/never`)).status).toBe(404)
    },
  )
})

describe('a subject', () => {
  const subject = { mediaType: MEDIA_TYPE_OCI_MANIFEST, digest: UNKNOWN, size: 7 }

  it.each<[string, () => Members]>([
    ['an image', () => ({ ...valid(), subject })],
    ['an index', () => ({ ...index(child()), subject })],
  ])('of %s need not exist, and is named in OCI-Subject', async (_, members) => {
    const response = await put(members(), null)
    expect(response.status).toBe(201)
    expect(response.headers.get('OCI-Subject')).toBe(UNKNOWN)
  })

  it('limits the annotations, which the list of referrers repeats', async () => {
    const annotations = (length: number) => ({ subject, annotations: { a: 'x'.repeat(length) } })
    const most = 256 * 1024 - '{"a":""}'.length
    expect((await put({ ...valid(), ...annotations(most) }, null)).status).toBe(201)
    const response = await put({ ...valid(), ...annotations(most + 1) }, null)
    expect(response.status).toBe(400)
    const { errors } = await response.json<ErrorBody>()
    expect(errors[0]?.message).toContain('annotations')
    // Without a subject they are nobody's list.
    const alone = { ...valid(), annotations: { a: 'x'.repeat(most + 1) } }
    expect((await put(alone, null)).status).toBe(201)
  })
})
