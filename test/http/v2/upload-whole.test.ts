/** A blob in one request: OCI distribution spec, end-4b. */
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { type Algorithm, digestOf } from '../../../src/oci/digest.ts'
import { counted } from '../../support/counting.ts'
import { beginUpload, errorCodes, ORIGIN, randomBytes, send } from '../../support/registry.ts'
import {
  type Bytes,
  expectBlob,
  expectOffset,
  ofLength,
  PART,
  REPOSITORY,
  ranged,
  storedObjects,
  streamed,
  UNKNOWN,
  UPLOADS,
} from '../../support/uploads.ts'

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

describe('PUT with the whole blob, straight after POST', () => {
  async function put(url: string, bytes: Bytes, digest: string): Promise<Response> {
    return send('PUT', `${url}?digest=${digest}`, ofLength(bytes))
  }

  it('may be repeated, and makes one event', async () => {
    const url = await beginUpload(REPOSITORY)
    const bytes = randomBytes(1000)
    const digest = await digestOf(bytes)
    for (let again = 0; again < 3; again++) {
      expect((await put(url, bytes, digest)).status).toBe(201)
    }
    await expectBlob(digest, bytes)
    expect(await eventsOf(digest)).toBe(1)
  })

  it('calls no session: the upload does not change', async () => {
    const url = await beginUpload(REPOSITORY)
    const [bytes, others] = [randomBytes(1000), randomBytes(1000)]
    await send('PATCH', url, ofLength(others))
    expect((await put(url, bytes, await digestOf(bytes))).status).toBe(201)
    await expectOffset(url, '0-999')
    const digest = await digestOf(others)
    expect((await send('PUT', `${url}?digest=${digest}`)).status).toBe(201)
    await expectBlob(digest, others)
  })

  it('with the wrong bytes stores nothing, and the right ones may follow', async () => {
    const before = await storedObjects()
    const url = await beginUpload(REPOSITORY)
    const bytes = randomBytes(1000)
    const digest = await digestOf(bytes)
    const refused = await put(url, randomBytes(1000), digest)
    expect(refused.status).toBe(400)
    expect(await errorCodes(refused)).toEqual(['DIGEST_INVALID'])
    expect(await storedObjects()).toBe(before)
    expect((await put(url, bytes, digest)).status).toBe(201)
  })

  it.each(['sha256', 'sha512'] as const)(
    'without a body is the empty blob, %s',
    async (algorithm) => {
      const url = await beginUpload(REPOSITORY)
      const digest = await digestOf(new Uint8Array(0), algorithm)
      const counts = await counted(async () => {
        expect((await send('PUT', `${url}?digest=${digest}`)).status).toBe(201)
      })
      expect(counts.durableObjectCalls).toBe(0)
      await expectBlob(digest, new Uint8Array(0))
    },
  )
})

async function eventsOf(digest: string): Promise<number> {
  const sql = `SELECT count(*) AS count FROM events WHERE event ->> '$.target.digest' = ?`
  return (await env.DB.prepare(sql).bind(digest).first<number>('count')) ?? 0
}
