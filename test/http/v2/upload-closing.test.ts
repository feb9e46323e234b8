/** The closing PUT: OCI distribution spec, end-6. */
import { describe, expect, it } from 'vitest'
import { type Algorithm, digestOf } from '../../../src/oci/digest.ts'
import { beginUpload, errorCodes, ORIGIN, randomBytes, send } from '../../support/registry.ts'
import {
  beginWith,
  expectBlob,
  expectEnded,
  expectOffset,
  ofLength,
  PART,
  put,
  REPOSITORY,
  ranged,
  storedObjects,
  streamed,
  UNKNOWN,
  UPLOADS,
} from '../../support/uploads.ts'

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
      // The whole blob may come straight after the POST, too.
      const location = await (before === 0
        ? beginUpload(REPOSITORY)
        : beginWith(bytes.slice(0, before)))
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

  it('accepts a sha512 that the POST announced', async () => {
    const bytes = randomBytes(PART + 100)
    const digest = await digestOf(bytes, 'sha512')
    const begun = await send('POST', `${UPLOADS}?digest-algorithm=sha512`)
    const location = begun.headers.get('Location') ?? ''
    await send('PATCH', location, ofLength(bytes))
    expect((await put(location, digest)).status).toBe(201)
    await expectBlob(digest, bytes)
  })

  it('accepts a digest with an escaped colon', async () => {
    const bytes = randomBytes(10)
    const digest = await digestOf(bytes)
    const location = await beginUpload(REPOSITORY)
    const response = await put(location, digest.replace(':', '%3A'), ofLength(bytes))
    expect(response.status).toBe(201)
  })

  it('answers 201 again, and 404 under another digest', async () => {
    const bytes = randomBytes(10)
    const digest = await digestOf(bytes)
    const location = await beginWith(bytes.slice(0, 5))
    const first = await put(location, digest, ofLength(bytes.slice(5)))
    const second = await put(location, digest, ofLength(bytes.slice(5)))
    expect([first.status, second.status]).toEqual([201, 201])
    expect(second.headers.get('Location')).toBe(first.headers.get('Location'))
    const other = await put(location, UNKNOWN)
    expect(other.status).toBe(404)
    expect(await errorCodes(other)).toEqual(['BLOB_UPLOAD_UNKNOWN'])
    for (const method of ['GET', 'PATCH']) {
      expect((await send(method, location)).status).toBe(404)
    }
  })

  it('ends an upload in chunks: afterwards only the same PUT succeeds', async () => {
    const bytes = randomBytes(10)
    const digest = await digestOf(bytes)
    const location = await beginUpload(REPOSITORY)
    await send('PATCH', location, ofLength(bytes))
    expect((await put(location, digest)).status).toBe(201)
    await expectEnded(location, UNKNOWN)
    expect((await put(location, digest)).status).toBe(201)
  })

  it('accepts a streamed body with Content-Range', async () => {
    const bytes = randomBytes(10)
    const digest = await digestOf(bytes)
    const location = await beginUpload(REPOSITORY)
    const headers = { 'Content-Range': '0-9' }
    expect((await put(location, digest, { body: streamed(bytes), headers })).status).toBe(201)
    await expectBlob(digest, bytes)
  })

  it.each<[string, number, number]>([
    ['in the same request, but for a byte', 1, 100],
    ['before', 100, 0],
    ['before and in the same request', 100, 100],
    ['over a part', PART + 1, 0],
    ['not at all', 0, 0],
  ])('with a wrong digest of what was sent %s ends the upload', async (_, before, last) => {
    for (const wrong of [UNKNOWN, `sha512:${'0'.repeat(128)}`] as const) {
      const objects = await storedObjects()
      const location = await beginWith(randomBytes(before))
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
    const location = await beginWith(bytes.slice(0, before))
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
