/** A blob in one request: OCI distribution spec, end-4b. */
import { describe, expect, it } from 'vitest'
import { type Algorithm, digestOf } from '../../src/oci/digest.ts'
import { beginUpload, errorCodes, ORIGIN, randomBytes, send } from '../support/registry.ts'
import {
  type Bytes,
  expectBlob,
  ofLength,
  PART,
  REPOSITORY,
  ranged,
  storedObjects,
  streamed,
  UNKNOWN,
  UPLOADS,
} from '../support/uploads.ts'

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

  it('makes the upload this one blob’s: repeated it is created again, and nothing else is to be had', async () => {
    const url = await beginUpload(REPOSITORY)
    const [bytes, others] = [randomBytes(1000), randomBytes(1000)]
    const digest = await digestOf(bytes)
    expect((await put(url, bytes, digest)).status).toBe(201)
    expect((await put(url, bytes, digest)).status).toBe(201)
    for (const response of [
      await put(url, others, await digestOf(others)),
      await send('GET', url),
      await send('PATCH', url, ofLength(others)),
      await send('DELETE', url),
    ]) {
      expect(response.status).toBe(404)
      expect(await errorCodes(response)).toEqual(['BLOB_UPLOAD_UNKNOWN'])
    }
    expect((await put(url, bytes, digest)).status).toBe(201)
    await expectBlob(digest, bytes)
  })

  it('ends the upload when the digest is wrong', async () => {
    const url = await beginUpload(REPOSITORY)
    const bytes = randomBytes(1000)
    const refused = await put(url, randomBytes(1000), await digestOf(bytes))
    expect(await errorCodes(refused)).toEqual(['DIGEST_INVALID'])
    const again = await put(url, bytes, await digestOf(bytes))
    expect(await errorCodes(again)).toEqual(['BLOB_UPLOAD_UNKNOWN'])
  })
})
