/**
 * The edge's cache before a blob store, by storage key: a key is never re-used, so what is cached is never wrong. Only bytes are
 * cached; whether a request may have them is asked of D1 each time.
 */
import { duplicate } from '../lib/duplicate.ts'
import { logError } from '../lib/log.ts'
import type { BlobStore, ByteRange } from './blob-store.ts'

/** The platform's limit of a cached response. */
const CACHED_BYTES_AT_MOST = 512 * 1024 * 1024

export class EdgeCache {
  readonly #store: BlobStore
  readonly #keepAlive: (work: Promise<unknown>) => void

  /** `keepAlive` lets a cache be filled while, and after, the response is on its way. */
  constructor(store: BlobStore, keepAlive: (work: Promise<unknown>) => void) {
    this.#store = store
    this.#keepAlive = keepAlive
  }

  /**
   * The bytes of the object `key`, of `size` bytes in all, or those of `range`; null where there is no such object. Reading the
   * whole of an object that is not cached fills the cache with the same read.
   */
  async read(
    key: string,
    size: number,
    range?: ByteRange,
  ): Promise<ReadableStream<Uint8Array> | null> {
    const cache = await caches.open('blobs')
    const url = `https://blobs.berth.internal/${key}`
    const cached = await cache.match(new Request(url, { headers: rangeHeader(range) }))
    if (cached?.body && cached.status === (range === undefined ? 200 : 206)) return cached.body

    const body = await this.#store.read(key, range)
    if (body === null || range !== undefined || size > CACHED_BYTES_AT_MOST || size === 0) {
      return body
    }
    const { leader, follower, done } = duplicate(body, size)
    const headers = { 'Cache-Control': 'max-age=31536000, immutable' }
    const filled = cache.put(url, new Response(follower, { headers })).catch((error: unknown) => {
      logError({ message: 'the edge cache was not filled', key }, error)
    })
    this.#keepAlive(Promise.all([done, filled]))
    return leader
  }
}

function rangeHeader(range: ByteRange | undefined): Record<string, string> {
  if (range === undefined) return {}
  return { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` }
}
