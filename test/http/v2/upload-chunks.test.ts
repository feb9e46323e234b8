/** Chunks: OCI distribution spec, end-5. */
import { describe, expect, it } from 'vitest'
import { digestOf } from '../../../src/oci/digest.ts'
import { beginUpload, errorCodes, randomBytes, send } from '../../support/registry.ts'
import {
  type Bytes,
  expectBlob,
  expectOffset,
  nameOf,
  ofLength,
  put,
  REPOSITORY,
  ranged,
  streamed,
} from '../../support/uploads.ts'

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
    expect(response.headers.get('Range')).toBe('0-9')
    expect(response.headers.get('Docker-Upload-UUID')).toBe(nameOf(location))
    expect(await response.text()).toBe('')
    const next = response.headers.get('Location') ?? ''
    expect(next).not.toBe(location)
    expect(nameOf(next)).toBe(nameOf(location))
    // Clients that do not follow the Location go on with the first one.
    await expectOffset(location, '0-9')
    await expectOffset(next, '0-9')
    const digest = await digestOf(bytes)
    expect((await put(next, digest)).status).toBe(201)
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

  it('out of order gets 416 with the exact Range', async () => {
    const location = await beginUpload(REPOSITORY)
    await send('PATCH', location, ofLength(randomBytes(10)))
    const response = await send('PATCH', location, ranged(randomBytes(5), '20-24'))
    expect(response.status).toBe(416)
    expect(response.headers.get('Range')).toBe('0-9')
    expect(nameOf(response.headers.get('Location') ?? '')).toBe(nameOf(location))
    expect(response.headers.get('Docker-Upload-UUID')).toBe(nameOf(location))
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

  it('sent twice at the same time is stored once', async () => {
    const bytes = randomBytes(10)
    const location = await beginUpload(REPOSITORY)
    const answers = await Promise.all(
      [1, 2, 3].map(() => send('PATCH', location, ranged(bytes, '0-9'))),
    )
    const statuses = answers.map(({ status }) => status)
    expect(statuses.filter((status) => status === 202)).toHaveLength(1)
    expect(statuses.filter((status) => status === 416 || status === 503)).toHaveLength(2)
    await expectOffset(location, '0-9')
  })
})
