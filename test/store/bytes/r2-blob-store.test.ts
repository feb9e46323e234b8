import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { digestOf } from '../../../src/oci/digest.ts'
import { newStorageKey } from '../../../src/store/bytes/blob-store.ts'
import { PART_BYTES } from '../../../src/store/bytes/buffer-pool.ts'
import { R2BlobStore } from '../../../src/store/bytes/r2-blob-store.ts'
import { randomBytes } from '../../support/registry.ts'
import { REGISTRY } from '../support.ts'

const store = new R2BlobStore(env.BUCKET)

async function bytesAt(key: string, range?: { offset: number; length: number }) {
  const stream = await store.read(key, range)
  return stream && new Uint8Array(await new Response(stream).arrayBuffer())
}

describe('newStorageKey', () => {
  it('has registry, kind and date, and is never the same', () => {
    const now = new Date('2026-11-23T23:59:59Z')
    const key = newStorageKey(REGISTRY, 'blobs', now)
    expect(key).toMatch(/^0123456789abcdef\/blobs\/2026-11-23\/[0-9a-f-]{36}$/)
    expect(newStorageKey(REGISTRY, 'blobs', now)).not.toBe(key)
    expect(newStorageKey(REGISTRY, 'manifests', now)).toMatch(/^0123456789abcdef\/manifests\//)
  })
})

describe('R2BlobStore', () => {
  it.each(['sha256', 'sha512'] as const)(
    'writes what hashes to its %s, and nothing else',
    async (algorithm) => {
      const key = newStorageKey(REGISTRY, 'blobs')
      const bytes = randomBytes(100)
      const other = await digestOf(randomBytes(100), algorithm)
      expect(await store.write(key, bytes, other)).toBe(false)
      expect(await store.size(key)).toBeNull()
      expect(await store.write(key, bytes, await digestOf(bytes, algorithm))).toBe(true)
      expect(await store.size(key)).toBe(100)
      expect(await bytesAt(key)).toEqual(bytes)
      expect(await bytesAt(key, { offset: 10, length: 20 })).toEqual(bytes.slice(10, 30))
    },
  )

  it('reads null if there is no object', async () => {
    expect(await store.read('none')).toBeNull()
    expect(await store.size('none')).toBeNull()
    await store.remove(['none'])
  })

  it('completes parts in order, and may repeat it', async () => {
    const key = newStorageKey(REGISTRY, 'blobs')
    const bytes = randomBytes(PART_BYTES + 10)
    const id = await store.beginParts(key)
    const parts = [
      await store.writePart(key, id, 1, bytes.subarray(0, PART_BYTES)),
      await store.writePart(key, id, 2, bytes.subarray(PART_BYTES)),
    ]
    expect(await store.size(key)).toBeNull()
    await store.completeParts(key, id, parts)
    await store.completeParts(key, id, parts)
    const stored = await bytesAt(key)
    expect(Buffer.compare(stored ?? Buffer.alloc(0), bytes)).toBe(0)
  })

  it('aborts parts, and may repeat it; then they cannot be completed', async () => {
    const key = newStorageKey(REGISTRY, 'blobs')
    const id = await store.beginParts(key)
    const part = await store.writePart(key, id, 1, randomBytes(10))
    await store.abortParts(key, id)
    await store.abortParts(key, id)
    expect(await store.completeParts(key, id, [part])).toBe(false)
    expect(await store.size(key)).toBeNull()
  })
})
