/** Blobs: every header of a download, conditions, ranges, and deletes. OCI distribution spec, end-2 and end-10; RFC 9110. */
import { beforeAll, describe, expect, it } from 'vitest'
import type { Digest } from '../../../src/oci/digest.ts'
import { readByteranges } from '../../support/byteranges.ts'
import {
  bindings,
  bytesOf,
  errorCodes,
  type PushedBlob,
  pushBlob,
  pushImage,
  randomBytes,
  send,
} from '../../support/registry.ts'

const REPOSITORY = 'blobs/app'
const SIZE = 4096
const UNKNOWN = `sha256:${'0'.repeat(64)}`

let bytes: Uint8Array<ArrayBuffer>
let blob: PushedBlob
let path: string

beforeAll(async () => {
  bytes = randomBytes(SIZE)
  blob = await pushBlob(REPOSITORY, bytes)
  path = `/v2/${REPOSITORY}/blobs/${blob.digest}`
})

function get(headers: HeadersInit = {}, method = 'GET'): Promise<Response> {
  return send(method, path, { headers })
}

async function bodyOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer())
}

describe('a whole blob', () => {
  it.each(['GET', 'HEAD'])('%s has every header', async (method) => {
    const response = await get({}, method)
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'accept-ranges': 'bytes',
      'cache-control': 'max-age=31536000, immutable, no-transform',
      'content-length': String(SIZE),
      'content-type': 'application/octet-stream',
      'docker-content-digest': blob.digest,
      'docker-distribution-api-version': 'registry/2.0',
      etag: `"${blob.digest}"`,
    })
    expect(await bodyOf(response)).toEqual(method === 'HEAD' ? new Uint8Array(0) : bytes)
  })

  it.each([
    ['empty', new Uint8Array(0)],
    ['1,024 zero bytes', new Uint8Array(1024)],
    ['5 MiB and one byte', randomBytes(5 * 1024 * 1024 + 1)],
  ])('%s comes back byte for byte', async (_, content) => {
    const { digest, size } = await pushBlob(REPOSITORY, content)
    const response = await send('GET', `/v2/${REPOSITORY}/blobs/${digest}`)
    expect(response.headers.get('Content-Length')).toBe(String(size))
    expect(Buffer.compare(await bodyOf(response), content)).toBe(0)
  })

  it.each(['GET', 'HEAD', 'DELETE'])('%s of an unknown one is 404', async (method) => {
    const response = await send(method, `/v2/${REPOSITORY}/blobs/${UNKNOWN}`)
    expect(response.status).toBe(404)
    if (method !== 'HEAD') expect(await errorCodes(response)).toEqual(['BLOB_UNKNOWN'])
  })

  it.each(['GET', 'HEAD', 'DELETE'])('%s of sha257 is 400', async (method) => {
    const response = await send(method, `/v2/${REPOSITORY}/blobs/sha257:${'0'.repeat(64)}`)
    expect(response.status).toBe(400)
    if (method !== 'HEAD') expect(await errorCodes(response)).toEqual(['DIGEST_INVALID'])
  })
})

describe('If-None-Match', () => {
  it.each<[string, (digest: Digest) => string, number]>([
    ['the entity tag', (digest) => `"${digest}"`, 304],
    ['the bare digest, as docker/distribution took it', (digest) => digest, 304],
    ['a weak tag', (digest) => `W/"${digest}"`, 304],
    ['a list', (digest) => `"other", "${digest}"`, 304],
    ['a star', () => '*', 304],
    ['another tag', () => `"${UNKNOWN}"`, 200],
    ['an empty header', () => '', 200],
    ['half a tag', (digest) => `"${digest}`, 200],
  ])('%s', async (_, header, status) => {
    for (const method of ['GET', 'HEAD']) {
      const response = await get({ 'If-None-Match': header(blob.digest) }, method)
      expect(response.status).toBe(status)
      expect(response.headers.get('ETag')).toBe(`"${blob.digest}"`)
      expect(response.headers.get('Cache-Control')).toBe(
        'max-age=31536000, immutable, no-transform',
      )
      if (status === 304) expect(await bodyOf(response)).toHaveLength(0)
    }
  })

  it('is no answer for a blob that the repository does not have', async () => {
    const response = await send('GET', `/v2/blobs/other/blobs/${blob.digest}`, {
      headers: { 'If-None-Match': '*' },
    })
    expect(response.status).toBe(404)
  })
})

describe('one range', () => {
  it.each<[string, number, number]>([
    ['bytes=0-0', 0, 0],
    ['bytes=0-99', 0, 99],
    ['bytes=100-199', 100, 199],
    ['bytes=4095-4095', 4095, 4095],
    ['bytes=4000-', 4000, 4095],
    ['bytes=0-', 0, 4095],
    ['bytes=-1', 4095, 4095],
    ['bytes=-96', 4000, 4095],
    ['bytes=-9999', 0, 4095],
    ['bytes=4000-9999', 4000, 4095],
    ['bytes=0-999999999999999', 0, 4095],
    ['Bytes=1-2', 1, 2],
    ['bytes= 1-2 ', 1, 2],
    ['bytes=,1-2,', 1, 2],
    ['bytes=5000-6000,1-2', 1, 2],
    ['bytes=0-9,5-14', 0, 14],
    ['bytes=0-,0-,0-', 0, 4095],
  ])('%s', async (range, start, end) => {
    const response = await get({ Range: range })
    expect(response.status).toBe(206)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'accept-ranges': 'bytes',
      'content-length': String(end - start + 1),
      'content-range': `bytes ${start}-${end}/${SIZE}`,
      'content-type': 'application/octet-stream',
      'docker-content-digest': blob.digest,
      etag: `"${blob.digest}"`,
    })
    expect(await bodyOf(response)).toEqual(bytes.slice(start, end + 1))
  })

  it.each([
    ['begins behind the end', `bytes=${SIZE}-`],
    ['lies behind the end', 'bytes=5000-6000'],
    ['is the last 0 bytes', 'bytes=-0'],
    ['ends before it begins', 'bytes=2-1'],
    ['has no numbers', 'bytes=-'],
    ['is no number', 'bytes=a-b'],
    ['is negative', 'bytes=--1'],
    ['is a number alone', 'bytes=5'],
    ['is hexadecimal', 'bytes=0x1-0x2'],
    ['is a number of 400 digits', `bytes=0-${'9'.repeat(400)}`],
    ['is one of several, and malformed', 'bytes=0-1,a-b'],
    ['has only commas', 'bytes=,,,'],
  ])('that %s is 416', async (_, range) => {
    const response = await get({ Range: range })
    expect(response.status).toBe(416)
    expect(response.headers.get('Content-Range')).toBe(`bytes */${SIZE}`)
    expect(await errorCodes(response)).toEqual(['RANGE_INVALID'])
  })

  it.each([
    ['another unit', 'items=0-1'],
    ['no unit', '0-1'],
    ['an empty set', 'bytes='],
    ['nothing', ''],
  ])('header with %s is ignored', async (_, range) => {
    const response = await get({ Range: range })
    expect(response.status).toBe(200)
    expect(await bodyOf(response)).toEqual(bytes)
  })

  it('of an empty blob is 416', async () => {
    const { digest } = await pushBlob(REPOSITORY, new Uint8Array(0))
    const response = await send('GET', `/v2/${REPOSITORY}/blobs/${digest}`, {
      headers: { Range: 'bytes=0-0' },
    })
    expect(response.status).toBe(416)
    expect(response.headers.get('Content-Range')).toBe('bytes */0')
  })

  it('means nothing to HEAD (RFC 9110, 14.2: only GET has ranges)', async () => {
    const response = await get({ Range: 'bytes=0-1' }, 'HEAD')
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Length')).toBe(String(SIZE))
    expect(response.headers.has('Content-Range')).toBe(false)
  })

  it('is evaluated after If-None-Match', async () => {
    const response = await get({ Range: 'bytes=0-1', 'If-None-Match': `"${blob.digest}"` })
    expect(response.status).toBe(304)
  })

  it.each<[string, (digest: Digest) => string, number]>([
    ['the entity tag', (digest) => `"${digest}"`, 206],
    ['another tag', () => `"${UNKNOWN}"`, 200],
    ['a weak tag, which never matches strongly', (digest) => `W/"${digest}"`, 200],
    ['a date', () => 'Sun, 01 Nov 2026 00:00:00 GMT', 200],
  ])('If-Range with %s', async (_, header, status) => {
    const response = await get({ Range: 'bytes=0-1', 'If-Range': header(blob.digest) })
    expect(response.status).toBe(status)
    expect(await bodyOf(response)).toEqual(status === 206 ? bytes.slice(0, 2) : bytes)
  })
})

describe('several ranges', () => {
  it.each<[string, string, [number, number][]]>([
    [
      'two',
      'bytes=0-9,20-29',
      [
        [0, 9],
        [20, 29],
      ],
    ],
    [
      'in the order that was asked for',
      'bytes=20-29,0-9',
      [
        [20, 29],
        [0, 9],
      ],
    ],
    [
      'with a suffix and an open one, which overlap',
      'bytes=0-0,-1,4090-',
      [
        [0, 0],
        [4090, 4095],
      ],
    ],
    [
      'that touch: podman counts the parts',
      'bytes=0-9,10-14',
      [
        [0, 9],
        [10, 14],
      ],
    ],
    [
      'without those that cannot be satisfied',
      'bytes=0-9,9000-,20-29',
      [
        [0, 9],
        [20, 29],
      ],
    ],
    [
      'with spaces',
      'bytes=0-9 , 20-29',
      [
        [0, 9],
        [20, 29],
      ],
    ],
  ])('%s', async (_, range, expected) => {
    const response = await get({ Range: range })
    expect(response.status).toBe(206)
    expect(response.headers.has('Content-Range')).toBe(false)
    expect(response.headers.get('Docker-Content-Digest')).toBe(blob.digest)
    const parts = await readByteranges(response)
    expect(parts).toEqual(
      expected.map(([start, end]) => ({
        contentType: 'application/octet-stream',
        contentRange: `bytes ${start}-${end}/${SIZE}`,
        bytes: bytes.slice(start, end + 1),
      })),
    )
  })

  it('may be 1,024, small and large, near each other and not', async () => {
    const size = 2 * 1024 * 1024
    const content = randomBytes(size)
    const { digest } = await pushBlob(REPOSITORY, content)
    const asked = [
      [1_000_000, 1_600_000],
      ...Array.from({ length: 1021 }, (_, i) => [i * 500, i * 500 + (i % 500)]),
      [size - 5, size - 1],
      [700_000, 700_009],
    ]
    const specs = asked.map(([start, end]) => `${start}-${end}`)
    const response = await send('GET', `/v2/${REPOSITORY}/blobs/${digest}`, {
      headers: { Range: `bytes=${specs}` },
    })
    expect(response.status).toBe(206)
    const parts = await readByteranges(response)
    expect(parts.map(({ contentRange }) => contentRange)).toEqual(
      specs.map((spec) => `bytes ${spec}/${size}`),
    )
    const expected = asked.map(([start = 0, end = 0]) => content.slice(start, end + 1))
    expect(
      Buffer.compare(Buffer.concat(parts.map((part) => part.bytes)), Buffer.concat(expected)),
    ).toBe(0)
  })

  it('more than 1,024 are refused', async () => {
    const specs = Array.from({ length: 1025 }, (_, i) => `${i * 2}-${i * 2}`)
    const response = await get({ Range: `bytes=${specs}` })
    expect(response.status).toBe(416)
    expect(response.headers.get('Content-Range')).toBe(`bytes */${SIZE}`)
    expect(await response.json()).toMatchObject({
      errors: [{ code: 'RANGE_INVALID', message: 'a request may name 1024 ranges at most' }],
    })
  })

  it("the seven of podman's partial pull of a zstd:chunked layer", async () => {
    const size = 1_083_696
    const content = randomBytes(size)
    const { digest } = await pushBlob(REPOSITORY, content)
    const range =
      'bytes=116-622,646-890289,890313-894136,894160-896551,896575-1051893,1051917-1057992,1058016-1059643'
    const response = await send('GET', `/v2/${REPOSITORY}/blobs/${digest}`, {
      headers: { Range: range },
    })
    expect(response.status).toBe(206)
    const parts = await readByteranges(response)
    const asked = range
      .slice('bytes='.length)
      .split(',')
      .map((spec) => spec.split('-').map(Number))
    expect(parts.map(({ contentRange }) => contentRange)).toEqual(
      asked.map(([start, end]) => `bytes ${start}-${end}/${size}`),
    )
    for (const [index, [start = 0, end = 0]] of asked.entries()) {
      const part = parts[index]?.bytes ?? new Uint8Array(0)
      expect(Buffer.compare(part, content.slice(start, end + 1))).toBe(0)
    }
  })
})

describe('visibility', () => {
  it('is per repository: the same digest does not exist in another one', async () => {
    for (const method of ['GET', 'HEAD', 'DELETE']) {
      const response = await send(method, `/v2/blobs/other/blobs/${blob.digest}`)
      expect(response.status).toBe(404)
    }
  })

  it('ends with the delete, even after another repository read the blob (CVE-2026-35172)', async () => {
    const content = randomBytes(100)
    const { digest } = await pushBlob('blobs/a', content)
    await pushBlob('blobs/b', content)
    expect((await send('GET', `/v2/blobs/a/blobs/${digest}`)).status).toBe(200)
    expect((await send('DELETE', `/v2/blobs/a/blobs/${digest}`)).status).toBe(202)
    expect((await send('GET', `/v2/blobs/b/blobs/${digest}`)).status).toBe(200)
    expect((await send('GET', `/v2/blobs/a/blobs/${digest}`)).status).toBe(404)
    expect((await send('HEAD', `/v2/blobs/a/blobs/${digest}`)).status).toBe(404)
  })
})

describe('DELETE', () => {
  it('removes the blob, once', async () => {
    const { digest } = await pushBlob(REPOSITORY, randomBytes(100))
    const deleted = await send('DELETE', `/v2/${REPOSITORY}/blobs/${digest}`)
    expect(deleted.status).toBe(202)
    expect(deleted.headers.get('Docker-Content-Digest')).toBe(digest)
    expect(await bodyOf(deleted)).toHaveLength(0)
    expect((await send('HEAD', `/v2/${REPOSITORY}/blobs/${digest}`)).status).toBe(404)
    expect((await send('DELETE', `/v2/${REPOSITORY}/blobs/${digest}`)).status).toBe(404)
  })

  it('lets the same content be pushed again', async () => {
    const content = randomBytes(100)
    const { digest } = await pushBlob(REPOSITORY, content)
    await send('DELETE', `/v2/${REPOSITORY}/blobs/${digest}`)
    await pushBlob(REPOSITORY, content)
    const response = await send('GET', `/v2/${REPOSITORY}/blobs/${digest}`)
    expect(await bodyOf(response)).toEqual(content)
  })

  it('refuses a blob that a manifest refers to, until the manifest is gone', async () => {
    const image = await pushImage('blobs/referred', 'latest')
    for (const { digest } of [image.config, image.layer]) {
      const response = await send('DELETE', `/v2/blobs/referred/blobs/${digest}`)
      expect(response.status).toBe(405)
      expect(response.headers.get('Allow')).toBe('GET, HEAD')
      expect(await errorCodes(response)).toEqual(['UNSUPPORTED'])
      expect((await send('HEAD', `/v2/blobs/referred/blobs/${digest}`)).status).toBe(200)
    }
    await send('DELETE', `/v2/blobs/referred/manifests/${image.digest}`)
    const deleted = await send('DELETE', `/v2/blobs/referred/blobs/${image.layer.digest}`)
    expect(deleted.status).toBe(202)
  })

  it.each(['present', 'unknown'])('is 405 if deletes are disabled, %s or not', async (which) => {
    const { digest } = await pushBlob(REPOSITORY, bytesOf('kept'))
    const target = which === 'present' ? digest : UNKNOWN
    const response = await send(
      'DELETE',
      `/v2/${REPOSITORY}/blobs/${target}`,
      {},
      {
        ...bindings,
        DELETE_ENABLED: 'false',
      },
    )
    expect(response.status).toBe(405)
    expect(response.headers.get('Allow')).toBe('GET, HEAD')
    expect(await errorCodes(response)).toEqual(['UNSUPPORTED'])
    expect((await send('HEAD', `/v2/${REPOSITORY}/blobs/${digest}`)).status).toBe(200)
  })
})
