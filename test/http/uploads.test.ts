/**
 * Uploads, request by request: OCI distribution spec, end-4 to end-6, end-13 and end-14, and the headers of
 * docker/distribution. Mounting has mounts.test.ts; what an upload survives has test/uploads/.
 */
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { type Algorithm, type Digest, digestOf } from '../../src/oci/digest.ts'
import {
  beginUpload,
  bindings,
  errorCodes,
  ORIGIN,
  pushBlob,
  randomBytes,
  send,
} from '../support/registry.ts'

const REPOSITORY = 'uploads/app'
const UPLOADS = `/v2/${REPOSITORY}/blobs/uploads/`
const UNKNOWN: Digest = `sha256:${'0'.repeat(64)}`
const ID = /^[A-Za-z0-9_-]{48}$/
const PART = 5 * 1024 * 1024

type Bytes = Uint8Array<ArrayBuffer>

/** A body of unknown length: sent with chunked encoding. */
function streamed(...chunks: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    type: 'bytes',
    start(controller) {
      for (const chunk of chunks) if (chunk.length > 0) controller.enqueue(chunk.slice())
      controller.close()
    },
  })
}

function ofLength(bytes: Bytes): RequestInit {
  return { body: bytes, headers: { 'Content-Length': String(bytes.length) } }
}

function ranged(bytes: Bytes, contentRange: string): RequestInit {
  const length = { 'Content-Length': String(bytes.length) }
  return { body: bytes, headers: { ...length, 'Content-Range': contentRange } }
}

function put(location: string, digest: string, init: RequestInit = {}): Promise<Response> {
  return send('PUT', `${location}?digest=${digest}`, init)
}

async function expectBlob(digest: Digest, bytes: Bytes): Promise<void> {
  const response = await send('GET', `/v2/${REPOSITORY}/blobs/${digest}`)
  expect(response.status).toBe(200)
  expect(Buffer.compare(Buffer.from(await response.arrayBuffer()), bytes)).toBe(0)
}

async function expectOffset(location: string, range: string): Promise<void> {
  for (const method of ['GET', 'HEAD']) {
    const response = await send(method, location)
    expect(response.status).toBe(204)
    expect(response.headers.get('Range')).toBe(range)
    expect(response.headers.get('Location')).toBe(location)
    expect(response.headers.get('Docker-Upload-UUID')).toBe(location.slice(-48))
  }
}

async function expectEnded(location: string, digest: Digest): Promise<void> {
  for (const [method, url] of [
    ['GET', location],
    ['HEAD', location],
    ['PATCH', location],
    ['PUT', `${location}?digest=${digest}`],
    ['DELETE', location],
  ] as const) {
    const response = await send(method, url)
    expect(response.status).toBe(404)
    if (method !== 'HEAD') expect(await errorCodes(response)).toEqual(['BLOB_UPLOAD_UNKNOWN'])
  }
}

async function storedObjects(): Promise<number> {
  return (await env.BUCKET.list()).objects.length
}

describe('POST begins an upload', () => {
  it.each([UPLOADS, UPLOADS.slice(0, -1)])('%s', async (path) => {
    const response = await send('POST', path, { headers: { 'Content-Length': '0' } })
    expect(response.status).toBe(202)
    const id = response.headers.get('Docker-Upload-UUID') ?? ''
    expect(id).toMatch(ID)
    expect(response.headers.get('Location')).toBe(`${ORIGIN}${UPLOADS}${id}`)
    expect(response.headers.get('Range')).toBe('0-0')
    expect(await response.text()).toBe('')
  })

  it.each<[string, Record<string, string>, Record<string, string>, string]>([
    ['absolute', {}, {}, ORIGIN],
    ['relative', { RELATIVE_LOCATIONS: 'true' }, {}, ''],
    ['under a public URL', { PUBLIC_URL: 'https://r.example' }, {}, 'https://r.example'],
    [
      'relative under a public URL',
      { PUBLIC_URL: 'https://r.example', RELATIVE_LOCATIONS: 'true' },
      {},
      '',
    ],
    [
      'without forwarded headers that are not trusted',
      {},
      { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'evil.example' },
      ORIGIN,
    ],
    [
      'with trusted forwarded headers',
      { TRUST_FORWARDED: 'true' },
      { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'r.example:8443' },
      'https://r.example:8443',
    ],
    [
      'with the first of several proxies',
      { TRUST_FORWARDED: 'true' },
      { 'X-Forwarded-Proto': 'https, http', 'X-Forwarded-Host': 'r.example, inner' },
      'https://r.example',
    ],
    [
      'with what makes no origin',
      { TRUST_FORWARDED: 'true' },
      { 'X-Forwarded-Host': 'not a host' },
      ORIGIN,
    ],
  ])('with a Location %s, in every answer', async (_, variables, headers, origin) => {
    const environment = { ...bindings, ...variables }
    const bytes = randomBytes(10)
    const digest = await digestOf(bytes)

    const begun = await send('POST', UPLOADS, { headers }, environment)
    const location = begun.headers.get('Location') ?? ''
    expect(location).toBe(`${origin}${UPLOADS}${begun.headers.get('Docker-Upload-UUID')}`)
    const path = location.slice(origin.length)
    const patched = await send('PATCH', path, { headers, body: bytes }, environment)
    expect(patched.headers.get('Location')).toBe(location)
    const status = await send('GET', path, { headers }, environment)
    expect(status.headers.get('Location')).toBe(location)
    const done = await send('PUT', `${path}?digest=${digest}`, { headers }, environment)
    expect(done.headers.get('Location')).toBe(`${origin}/v2/${REPOSITORY}/blobs/${digest}`)
  })

  it.each(['sha256', 'sha512'])('with digest-algorithm=%s', async (algorithm) => {
    const response = await send('POST', `${UPLOADS}?digest-algorithm=${algorithm}`)
    expect(response.status).toBe(202)
  })

  it.each(['sha384', 'md5', 'SHA256', '', '__proto__'])(
    'not with digest-algorithm=%s',
    async (algorithm) => {
      const response = await send('POST', `${UPLOADS}?digest-algorithm=${algorithm}`)
      expect(response.status).toBe(400)
      expect(await errorCodes(response)).toEqual(['DIGEST_INVALID'])
    },
  )
})

describe('POST with ?digest= pushes in one request', () => {
  it.each<[string, number, Algorithm, (bytes: Bytes) => RequestInit]>([
    ['of known length', 1000, 'sha256', ofLength],
    ['of known length, sha512', 1000, 'sha512', ofLength],
    ['of unknown length', 1000, 'sha256', (bytes) => ({ body: streamed(bytes) })],
    ['of unknown length, sha512', 1000, 'sha512', (bytes) => ({ body: streamed(bytes) })],
    ['of unknown length, over a part', PART + 1, 'sha256', (bytes) => ({ body: streamed(bytes) })],
    ['of no bytes', 0, 'sha256', ofLength],
    ['of no bytes, of unknown length', 0, 'sha256', () => ({ body: streamed() })],
    ['without a body', 0, 'sha256', () => ({})],
    ['with Content-Range', 1000, 'sha256', (bytes) => ranged(bytes, '0-999')],
    [
      'of unknown length with Content-Range',
      1000,
      'sha256',
      (bytes) => ({ body: streamed(bytes), headers: { 'Content-Range': '0-999' } }),
    ],
  ])('%s', async (_, length, algorithm, init) => {
    const bytes = randomBytes(length)
    const digest = await digestOf(bytes, algorithm)
    const response = await send('POST', `${UPLOADS}?digest=${digest}`, init(bytes))
    expect(response.status).toBe(201)
    expect(response.headers.get('Location')).toBe(`${ORIGIN}/v2/${REPOSITORY}/blobs/${digest}`)
    expect(response.headers.get('Docker-Content-Digest')).toBe(digest)
    expect(await response.text()).toBe('')
    await expectBlob(digest, bytes)
  })

  it.each<[string, string, (bytes: Bytes) => RequestInit, number, string]>([
    ['a wrong digest', UNKNOWN, ofLength, 400, 'DIGEST_INVALID'],
    ['a wrong sha512', `sha512:${'0'.repeat(128)}`, ofLength, 400, 'DIGEST_INVALID'],
    [
      'a wrong digest, of unknown length',
      UNKNOWN,
      (bytes) => ({ body: streamed(bytes) }),
      400,
      'DIGEST_INVALID',
    ],
    ['no digest at all', '', ofLength, 400, 'DIGEST_INVALID'],
    [
      'an unsupported algorithm',
      'md5:d41d8cd98f00b204e9800998ecf8427e',
      ofLength,
      400,
      'DIGEST_INVALID',
    ],
    ['a short digest', 'sha256:0', ofLength, 400, 'DIGEST_INVALID'],
    [
      'a Content-Range that is not at the beginning',
      UNKNOWN,
      (bytes) => ranged(bytes, '5-1004'),
      416,
      'RANGE_INVALID',
    ],
    ['a malformed Content-Range', UNKNOWN, (bytes) => ranged(bytes, 'x'), 416, 'RANGE_INVALID'],
    [
      'a Content-Range of another length',
      UNKNOWN,
      (bytes) => ranged(bytes, '0-9'),
      400,
      'SIZE_INVALID',
    ],
  ])('not with %s', async (_, digest, init, status, code) => {
    const before = await storedObjects()
    const response = await send('POST', `${UPLOADS}?digest=${digest}`, init(randomBytes(1000)))
    expect(response.status).toBe(status)
    expect(await errorCodes(response)).toEqual([code])
    expect(await storedObjects()).toBe(before)
  })
})

describe('PATCH', () => {
  it.each<[string, (bytes: Bytes) => RequestInit]>([
    ['with Content-Length', ofLength],
    ['streamed', (bytes) => ({ body: streamed(bytes.slice(0, 3), bytes.slice(3)) })],
    ['with Content-Range', (bytes) => ranged(bytes, '0-9')],
    ['with Content-Range in the form of RFC 9110', (bytes) => ranged(bytes, 'bytes 0-9/*')],
    ['with Content-Range and a size', (bytes) => ranged(bytes, 'bytes 0-9/100')],
    [
      'streamed with Content-Range',
      (bytes) => ({ body: streamed(bytes), headers: { 'Content-Range': '0-9' } }),
    ],
    [
      'with a Content-Type',
      (bytes) => ({ body: bytes, headers: { 'Content-Type': 'application/octet-stream' } }),
    ],
    [
      'with a Content-Type that says nothing of it',
      (bytes) => ({ body: bytes, headers: { 'Content-Type': 'text/plain' } }),
    ],
  ])('%s', async (_, init) => {
    const bytes = randomBytes(10)
    const location = await beginUpload(REPOSITORY)
    const response = await send('PATCH', location, init(bytes))
    expect(response.status).toBe(202)
    expect(response.headers.get('Location')).toBe(location)
    expect(response.headers.get('Range')).toBe('0-9')
    expect(response.headers.get('Docker-Upload-UUID')).toBe(location.slice(-48))
    expect(await response.text()).toBe('')
    await expectOffset(location, '0-9')
    const digest = await digestOf(bytes)
    expect((await put(location, digest)).status).toBe(201)
    await expectBlob(digest, bytes)
  })

  // docker/distribution: nothing and one byte are both 0-0.
  it.each<[number, string]>([
    [0, '0-0'],
    [1, '0-0'],
    [2, '0-1'],
  ])('of %i bytes is %s', async (length, range) => {
    const location = await beginUpload(REPOSITORY)
    const response = await send('PATCH', location, ofLength(randomBytes(length)))
    expect(response.status).toBe(202)
    expect(response.headers.get('Range')).toBe(range)
    await expectOffset(location, range)
  })

  it('takes chunks of any size, in order', async () => {
    const sizes = [1, 1, 3, 0, 1000, 65_536, 7, 70_000]
    const bytes = randomBytes(sizes.reduce((sum, size) => sum + size, 0))
    const location = await beginUpload(REPOSITORY)
    let offset = 0
    for (const size of sizes) {
      const chunk = bytes.slice(offset, offset + size)
      const init = size === 0 ? ofLength(chunk) : ranged(chunk, `${offset}-${offset + size - 1}`)
      const response = await send('PATCH', location, init)
      offset += size
      expect(response.status).toBe(202)
      expect(response.headers.get('Range')).toBe(`0-${offset - 1}`)
    }
    const digest = await digestOf(bytes)
    expect((await put(location, digest)).status).toBe(201)
    await expectBlob(digest, bytes)
  })

  // Twenty bytes are offered; before it, ten were committed.
  it.each<[string, (bytes: Bytes) => RequestInit, number, string]>([
    ['beyond the offset', (bytes) => ranged(bytes, '11-30'), 416, 'RANGE_INVALID'],
    ['before the offset', (bytes) => ranged(bytes, '0-19'), 416, 'RANGE_INVALID'],
    ['malformed', (bytes) => ranged(bytes, '10'), 416, 'RANGE_INVALID'],
    ['malformed: negative', (bytes) => ranged(bytes, '-10-9'), 416, 'RANGE_INVALID'],
    ['malformed: backwards', (bytes) => ranged(bytes, '29-10'), 416, 'RANGE_INVALID'],
    ['malformed: unknown', (bytes) => ranged(bytes, 'bytes */30'), 416, 'RANGE_INVALID'],
    ['malformed: huge', (bytes) => ranged(bytes, `10-${'9'.repeat(30)}`), 416, 'RANGE_INVALID'],
    ['longer than Content-Length', (bytes) => ranged(bytes, '10-40'), 400, 'SIZE_INVALID'],
    ['shorter than Content-Length', (bytes) => ranged(bytes, '10-19'), 400, 'SIZE_INVALID'],
  ])('with a Content-Range %s changes nothing', async (_, init, status, code) => {
    const bytes = randomBytes(30)
    const location = await beginUpload(REPOSITORY)
    await send('PATCH', location, ofLength(bytes.slice(0, 10)))
    const response = await send('PATCH', location, init(bytes.slice(10)))
    expect(response.status).toBe(status)
    expect(await errorCodes(response)).toEqual([code])
    await expectOffset(location, '0-9')
    const resumed = await send('PATCH', location, ranged(bytes.slice(10), '10-29'))
    expect(resumed.status).toBe(202)
    const digest = await digestOf(bytes)
    expect((await put(location, digest)).status).toBe(201)
    await expectBlob(digest, bytes)
  })

  it('out of order is told the true Range, with the 416', async () => {
    const location = await beginUpload(REPOSITORY)
    await send('PATCH', location, ofLength(randomBytes(10)))
    const response = await send('PATCH', location, ranged(randomBytes(5), '20-24'))
    expect(response.status).toBe(416)
    expect(response.headers.get('Range')).toBe('0-9')
    expect(response.headers.get('Location')).toBe(location)
    expect(response.headers.get('Docker-Upload-UUID')).toBe(location.slice(-48))
  })

  it.each<[string, number, string]>([
    ['shorter', 5, '0-4'],
    ['longer', 15, '0-9'],
  ])(
    'streamed, and %s than its Content-Range, tells how much was taken',
    async (_, length, range) => {
      const bytes = randomBytes(20)
      const location = await beginUpload(REPOSITORY)
      const body = streamed(bytes.slice(0, length))
      const response = await send('PATCH', location, { body, headers: { 'Content-Range': '0-9' } })
      expect(response.status).toBe(400)
      expect(await errorCodes(response)).toEqual(['SIZE_INVALID'])
      expect(response.headers.get('Range')).toBe(range)
      await expectOffset(location, range)
      const offset = Number(range.slice(2)) + 1
      await send('PATCH', location, ofLength(bytes.slice(offset)))
      const digest = await digestOf(bytes)
      expect((await put(location, digest)).status).toBe(201)
      await expectBlob(digest, bytes)
    },
  )

  it('at the same time as the same one is taken once', async () => {
    const bytes = randomBytes(10)
    const location = await beginUpload(REPOSITORY)
    const answers = await Promise.all(
      [1, 2, 3].map(() => send('PATCH', location, ranged(bytes, '0-9'))),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 416, 416])
    await expectOffset(location, '0-9')
  })
})

describe('PUT', () => {
  it.each<[string, number, number, Algorithm]>([
    ['with the whole blob', 0, 1000, 'sha256'],
    ['with the whole blob, sha512', 0, 1000, 'sha512'],
    ['with the last chunk', 600, 400, 'sha256'],
    ['without a body', 1000, 0, 'sha256'],
    ['of an empty blob', 0, 0, 'sha256'],
    ['with sha512 that nothing announced', 1000, 0, 'sha512'],
    ['with sha512 that nothing announced, over a part', PART + 10, 5, 'sha512'],
    ['with the last chunk, over a part', PART - 5, 10, 'sha256'],
    ['of a part exactly', PART, 0, 'sha256'],
  ])('%s', async (_, before, last, algorithm) => {
    for (const isStreamed of [false, true]) {
      const bytes = randomBytes(before + last)
      const digest = await digestOf(bytes, algorithm)
      const location = await beginUpload(REPOSITORY)
      if (before > 0) await send('PATCH', location, ofLength(bytes.slice(0, before)))
      const tail = bytes.slice(before)
      const response = await put(
        location,
        digest,
        isStreamed ? { body: streamed(tail) } : ofLength(tail),
      )
      expect(response.status).toBe(201)
      expect(response.headers.get('Location')).toBe(`${ORIGIN}/v2/${REPOSITORY}/blobs/${digest}`)
      // docker/distribution answers the sha256 of it; the OCI spec wants the digest of the request.
      expect(response.headers.get('Docker-Content-Digest')).toBe(digest)
      expect(await response.text()).toBe('')
      await expectBlob(digest, bytes)
    }
  })

  it('takes a sha512 that the POST announced', async () => {
    const bytes = randomBytes(PART + 100)
    const digest = await digestOf(bytes, 'sha512')
    const begun = await send('POST', `${UPLOADS}?digest-algorithm=sha512`)
    const location = begun.headers.get('Location') ?? ''
    await send('PATCH', location, ofLength(bytes))
    expect((await put(location, digest)).status).toBe(201)
    await expectBlob(digest, bytes)
  })

  it('takes a digest with an escaped colon', async () => {
    const bytes = randomBytes(10)
    const digest = await digestOf(bytes)
    const location = await beginUpload(REPOSITORY)
    const response = await put(location, digest.replace(':', '%3A'), ofLength(bytes))
    expect(response.status).toBe(201)
  })

  it('answers 201 again, and 404 under another digest', async () => {
    const bytes = randomBytes(10)
    const digest = await digestOf(bytes)
    const location = await beginUpload(REPOSITORY)
    const first = await put(location, digest, ofLength(bytes))
    const second = await put(location, digest, ofLength(bytes))
    expect([first.status, second.status]).toEqual([201, 201])
    expect(second.headers.get('Location')).toBe(first.headers.get('Location'))
    const other = await put(location, UNKNOWN)
    expect(other.status).toBe(404)
    expect(await errorCodes(other)).toEqual(['BLOB_UPLOAD_UNKNOWN'])
    for (const method of ['GET', 'PATCH']) {
      expect((await send(method, location)).status).toBe(404)
    }
  })

  it('ends an upload in chunks: nothing but the same PUT is answered', async () => {
    const bytes = randomBytes(10)
    const digest = await digestOf(bytes)
    const location = await beginUpload(REPOSITORY)
    await send('PATCH', location, ofLength(bytes))
    expect((await put(location, digest)).status).toBe(201)
    await expectEnded(location, UNKNOWN)
    expect((await put(location, digest)).status).toBe(201)
  })

  it('takes a streamed body with Content-Range', async () => {
    const bytes = randomBytes(10)
    const digest = await digestOf(bytes)
    const location = await beginUpload(REPOSITORY)
    const headers = { 'Content-Range': '0-9' }
    expect((await put(location, digest, { body: streamed(bytes), headers })).status).toBe(201)
    await expectBlob(digest, bytes)
  })

  it.each<[string, number, number]>([
    ['in the same request', 0, 100],
    ['before', 100, 0],
    ['before and in the same request', 100, 100],
    ['over a part', PART + 1, 0],
    ['not at all', 0, 0],
  ])('with a wrong digest of what was sent %s ends the upload', async (_, before, last) => {
    for (const wrong of [UNKNOWN, `sha512:${'0'.repeat(128)}`] as const) {
      const objects = await storedObjects()
      const location = await beginUpload(REPOSITORY)
      if (before > 0) await send('PATCH', location, ofLength(randomBytes(before)))
      const response = await put(location, wrong, ofLength(randomBytes(last)))
      expect(response.status).toBe(400)
      expect(await errorCodes(response)).toEqual(['DIGEST_INVALID'])
      await expectEnded(location, wrong)
      expect((await send('HEAD', `/v2/${REPOSITORY}/blobs/${wrong}`)).status).toBe(404)
      expect(await storedObjects()).toBe(objects)
    }
  })

  it.each([
    ['none', ''],
    ['an empty one', '?digest='],
    ['a short one', '?digest=sha256:00'],
    ['one of an unsupported algorithm', `?digest=md5:${'0'.repeat(32)}`],
    ['one in upper case', `?digest=${UNKNOWN.replaceAll('0', 'A')}`],
  ])('with no digest to check (%s) keeps the upload', async (_, query) => {
    const bytes = randomBytes(20)
    const digest = await digestOf(bytes)
    const location = await beginUpload(REPOSITORY)
    await send('PATCH', location, ofLength(bytes))
    const response = await send('PUT', `${location}${query}`)
    expect(response.status).toBe(400)
    expect(await errorCodes(response)).toEqual(['DIGEST_INVALID'])
    await expectOffset(location, '0-19')
    expect((await put(location, digest)).status).toBe(201)
    await expectBlob(digest, bytes)
  })

  it.each([
    ['after chunks', 10, '11-20', '0-9'],
    ['after chunks, at the beginning again', 10, '0-9', '0-9'],
    ['as the first', 0, '10-19', '0-0'],
  ])('out of order %s keeps the upload', async (_, before, contentRange, range) => {
    const bytes = randomBytes(before + 10)
    const digest = await digestOf(bytes)
    const location = await beginUpload(REPOSITORY)
    if (before > 0) await send('PATCH', location, ofLength(bytes.slice(0, before)))
    const last = bytes.slice(before)
    const response = await put(location, digest, ranged(last, contentRange))
    expect(response.status).toBe(416)
    expect(response.headers.get('Range')).toBe(range)
    expect(await errorCodes(response)).toEqual(['RANGE_INVALID'])
    await expectOffset(location, range)
    const inOrder = await put(location, digest, ranged(last, `${before}-${before + 9}`))
    expect(inOrder.status).toBe(201)
    await expectBlob(digest, bytes)
  })
})

describe('DELETE', () => {
  it.each([0, 10, PART + 1])('gives up an upload of %i bytes', async (length) => {
    const objects = await storedObjects()
    const location = await beginUpload(REPOSITORY)
    if (length > 0) await send('PATCH', location, ofLength(randomBytes(length)))
    const response = await send('DELETE', location)
    expect(response.status).toBe(204)
    expect(response.headers.get('Docker-Upload-UUID')).toBe(location.slice(-48))
    await expectEnded(location, UNKNOWN)
    expect(await storedObjects()).toBe(objects)
  })

  it('is no delete of content: it works where those are off', async () => {
    const location = await beginUpload(REPOSITORY)
    const environment = { ...bindings, DELETE_ENABLED: 'false' }
    expect((await send('DELETE', location, {}, environment)).status).toBe(204)
  })
})

describe('an upload id', () => {
  const requests: [string, string][] = [
    ['GET', ''],
    ['HEAD', ''],
    ['PATCH', ''],
    ['PUT', `?digest=${UNKNOWN}`],
    ['DELETE', ''],
  ]

  it('belongs to its repository', async () => {
    const location = await beginUpload(REPOSITORY)
    await send('PATCH', location, ofLength(randomBytes(10)))
    await pushBlob('uploads/other', randomBytes(10))
    const foreign = `/v2/uploads/other/blobs/uploads/${location.slice(-48)}`
    for (const [method, query] of requests) {
      const response = await send(method, `${foreign}${query}`)
      expect(response.status).toBe(404)
      if (method !== 'HEAD') expect(await errorCodes(response)).toEqual(['BLOB_UPLOAD_UNKNOWN'])
    }
    await expectOffset(location, '0-9')
  })

  it('belongs to who began it (CVE-2026-32589)', async () => {
    const environment = {
      ...bindings,
      OPEN_ACCESS: 'false',
      ADMIN_PASSWORD: 'correct horse battery',
    }
    const headers = { Authorization: `Basic ${btoa('admin:correct horse battery')}` }
    const location = await beginUpload(REPOSITORY)
    for (const [method, query] of requests) {
      const response = await send(method, `${location}${query}`, { headers }, environment)
      expect(response.status).toBe(404)
    }
    await expectOffset(location, '0-0')
  })

  it('is signed: another character anywhere makes it unknown', async () => {
    const location = await beginUpload(REPOSITORY)
    for (let at = 1; at <= 48; at += 1) {
      const cut = location.length - at
      const other = location[cut] === 'A' ? 'B' : 'A'
      const tampered = `${location.slice(0, cut)}${other}${location.slice(cut + 1)}`
      expect((await send('GET', tampered)).status).toBe(404)
    }
    await expectOffset(location, '0-0')
  })

  it.each([
    'x',
    'uploads',
    'D95306FA-FAD3-4E36-8D41-CF1C93EF8286',
    'A'.repeat(48),
    'A'.repeat(5000),
    '%00',
    '..%2Fuploads',
    "'--",
    '__proto__',
  ])('that was never given out is unknown: %.60s', async (id) => {
    for (const [method, query] of requests) {
      expect((await send(method, `${UPLOADS}${id}${query}`)).status).toBe(404)
    }
  })
})
