/** Known attacks by bodies: too much of it, in whatever way its length is told or not, and manifests that are two things at once. */
import { beforeAll, describe, expect, it } from 'vitest'
import {
  MEDIA_TYPE_DOCKER_MANIFEST,
  MEDIA_TYPE_OCI_INDEX,
  MEDIA_TYPE_OCI_MANIFEST,
} from '../../src/oci/media-types.ts'
import { ADMIN, NOBODY, newClient } from '../support/access-clients.ts'
import { basic, closed, PASSWORD } from '../support/access-world.ts'
import {
  bytesOf,
  errorCodes,
  imageManifest,
  type PushedBlob,
  pushBlob,
  randomBytes,
  send,
} from '../support/registry.ts'

const MIB = 1024 * 1024
const AUTHORIZATION = ADMIN.authorization ?? ''

let config: PushedBlob

beforeAll(async () => {
  config = await pushBlob('bodies/app', randomBytes(20))
})

/** A body of unknown length, in small pieces. */
function pieces(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array> {
  let at = 0
  return new ReadableStream({
    pull(controller) {
      const piece = bytes.slice(at, at + 16_384)
      at += piece.length
      if (piece.length > 0) controller.enqueue(piece)
      if (at >= bytes.length) controller.close()
    },
  })
}

function manifestOf(length: number): Uint8Array<ArrayBuffer> {
  const short = imageManifest(config, [], { filler: '' })
  const filler = 'x'.repeat(length - short.length)
  return imageManifest(config, [], { filler })
}

const SHAPES: [how: string, init: (bytes: Uint8Array<ArrayBuffer>) => RequestInit][] = [
  [
    'with its length',
    (bytes) => ({ body: bytes, headers: { 'Content-Length': String(bytes.length) } }),
  ],
  ['in chunks', (bytes) => ({ body: pieces(bytes) })],
]

describe.each(SHAPES)('a body %s', (_, init) => {
  const put = (path: string, type: string, bytes: Uint8Array<ArrayBuffer>, method: string) => {
    const { body, headers } = init(bytes)
    const all = new Headers(headers)
    all.set('Content-Type', type)
    all.set('Authorization', AUTHORIZATION)
    return send(method, path, { body: body ?? null, headers: all }, closed)
  }

  it('CVE-2017-11468 (distribution): a manifest of 4 MiB is accepted, and one byte more is 413', async () => {
    const path = '/v2/bodies/app/manifests/large'
    const fits = manifestOf(4 * MIB)
    expect(fits.length).toBe(4 * MIB)
    expect((await put(path, MEDIA_TYPE_OCI_MANIFEST, fits, 'PUT')).status).toBe(201)
    const larger = await put(path, MEDIA_TYPE_OCI_MANIFEST, manifestOf(4 * MIB + 1), 'PUT')
    expect(larger.status).toBe(413)
  })

  it('Hono CVE-2026-44456: a form, or JSON, of more than 64 KiB is 413', async () => {
    const form = bytesOf(`grant_type=password&username=x&password=${'y'.repeat(70_000)}`)
    const type = 'application/x-www-form-urlencoded'
    expect((await put('/token', type, form, 'POST')).status).toBe(413)
    const json = bytesOf(JSON.stringify({ name: 'x', password: 'y'.repeat(70_000) }))
    expect((await put('/api/v1/accounts', 'application/json', json, 'POST')).status).toBe(413)
  })
})

describe('a body from a caller without the right', () => {
  // Over the wire some of it is read, within the bounds of src/lib/drain.ts, so that the answer arrives.
  it('is not read: the answer does not wait for it', async () => {
    const stranger = await newClient()
    let read = 0
    for (const authorization of [
      null,
      stranger.authorization,
      basic(stranger.name, `${PASSWORD}!`),
    ]) {
      for (const [method, path] of [
        ['PUT', '/v2/bodies/app/manifests/latest'],
        ['POST', `/v2/bodies/app/blobs/uploads/?digest=${config.digest}`],
        ['PATCH', '/v2/bodies/app/blobs/uploads/x'],
        ['PUT', '/api/v1/grants'],
      ] as const) {
        const body = new ReadableStream(
          {
            pull(controller) {
              read += 1
              controller.enqueue(new Uint8Array(1024))
            },
          },
          { highWaterMark: 0 },
        )
        const headers = authorization === null ? {} : { Authorization: authorization }
        const { status } = await send(method, path, { body, headers }, closed)
        expect([401, 403]).toContain(status)
      }
    }
    expect(read).toBeLessThanOrEqual(12)
  })

  it('is not a login: only /token reads credentials from a body', async () => {
    const type = { 'Content-Type': 'application/x-www-form-urlencoded' }
    const body = `grant_type=password&username=admin&password=${encodeURIComponent(PASSWORD)}`
    expect((await NOBODY.send('POST', '/v2/bodies/app/blobs/uploads/', type, body)).status).toBe(
      401,
    )
  })
})

describe('CVE-2021-41190 (OCI): a manifest with two types', () => {
  const image = () => ({
    schemaVersion: 2,
    mediaType: MEDIA_TYPE_OCI_MANIFEST,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
    layers: [],
  })
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPE_OCI_INDEX, manifests: [] }

  it.each<[title: string, manifest: () => object, type: string]>([
    ['an image with manifests', () => ({ ...image(), manifests: [] }), MEDIA_TYPE_OCI_MANIFEST],
    ['an index with layers', () => ({ ...index, layers: [] }), MEDIA_TYPE_OCI_INDEX],
    ['an index with a config', () => ({ ...index, config: {} }), MEDIA_TYPE_OCI_INDEX],
    ['an image sent as an index', image, MEDIA_TYPE_OCI_INDEX],
    ['an index sent as an image', () => index, MEDIA_TYPE_OCI_MANIFEST],
    ['an OCI image sent as one of Docker', image, MEDIA_TYPE_DOCKER_MANIFEST],
    [
      'both, without a type',
      () => ({ ...image(), ...index, mediaType: undefined }),
      MEDIA_TYPE_OCI_MANIFEST,
    ],
    [
      'both, sent as an index',
      () => ({ ...image(), ...index, mediaType: undefined }),
      MEDIA_TYPE_OCI_INDEX,
    ],
  ])('%s is refused', async (_, manifest, type) => {
    const bytes = bytesOf(JSON.stringify(manifest()))
    const response = await ADMIN.putManifest('/v2/bodies/app/manifests/two', bytes, type)
    expect(response.status).toBe(400)
    expect(await errorCodes(response)).toEqual(['MANIFEST_INVALID'])
  })

  it('is served with the type that it was pushed with, whatever the client accepts', async () => {
    const bytes = bytesOf(JSON.stringify(image()))
    await ADMIN.putManifest('/v2/bodies/app/manifests/one', bytes)
    for (const Accept of ['*/*', MEDIA_TYPE_OCI_INDEX, MEDIA_TYPE_DOCKER_MANIFEST, 'text/html']) {
      const { headers } = await ADMIN.send('GET', '/v2/bodies/app/manifests/one', { Accept })
      expect(headers.get('Content-Type')).toBe(MEDIA_TYPE_OCI_MANIFEST)
    }
  })
})
