/** The edge cache: bytes are read from R2 once, and never served where D1 does not allow it. */
import { describe, expect, it } from 'vitest'
import { counted } from '../support/counting.ts'
import { type PushedBlob, pushBlob, randomBytes, send } from '../support/registry.ts'

const BYTES = randomBytes(300_000)

function pull(repository: string, { digest }: PushedBlob, range?: string): Promise<Response> {
  const headers: Record<string, string> = range === undefined ? {} : { Range: range }
  return send('GET', `/v2/${repository}/blobs/${digest}`, { headers })
}

describe('a cached blob', () => {
  it('is read from R2 once', async () => {
    const blob = await pushBlob('cache/once', BYTES)
    const first = await pull('cache/once', blob)
    const { r2Reads } = await counted(async () => {
      const second = await pull('cache/once', blob)
      expect(second.headers.get('Content-Length')).toBe(String(BYTES.length))
      expect(new Uint8Array(await second.arrayBuffer())).toEqual(BYTES)
    })
    expect(new Uint8Array(await first.arrayBuffer())).toEqual(BYTES)
    expect(r2Reads).toBe(0)
  })

  it.each([
    ['bytes=100-299', 206, BYTES.subarray(100, 300)],
    ['bytes=-5', 206, BYTES.subarray(-5)],
    ['bytes=299999-', 206, BYTES.subarray(299_999)],
  ])('serves %s from the cache', async (range, status, expected) => {
    const blob = await pushBlob('cache/range', BYTES)
    await pull('cache/range', blob)
    const { r2Reads } = await counted(async () => {
      const response = await pull('cache/range', blob, range)
      expect(response.status).toBe(status)
      expect(new Uint8Array(await response.arrayBuffer())).toEqual(expected)
    })
    expect(r2Reads).toBe(0)
  })

  it('is not filled by a range', async () => {
    const blob = await pushBlob('cache/partial', randomBytes(1000))
    await pull('cache/partial', blob, 'bytes=0-9')
    const { r2Reads } = await counted(() => pull('cache/partial', blob))
    expect(r2Reads).toBe(1)
  })

  it('is gone where it was deleted, also after another repository filled the cache (CVE-2026-35172)', async () => {
    const blob = await pushBlob('cache/a', randomBytes(1000))
    await pushBlob('cache/b', randomBytes(10))
    const mount = `/v2/cache/b/blobs/uploads/?mount=${blob.digest}&from=cache/a`
    expect((await send('POST', mount)).status).toBe(201)
    await pull('cache/a', blob)
    expect((await send('DELETE', `/v2/cache/a/blobs/${blob.digest}`)).status).toBe(202)
    expect((await pull('cache/b', blob)).status).toBe(200)
    expect((await pull('cache/a', blob)).status).toBe(404)
    expect((await pull('cache/a', blob, 'bytes=0-1')).status).toBe(404)
  })
})
