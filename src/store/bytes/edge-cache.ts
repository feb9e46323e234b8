/**
 * The edge cache before a blob store, by storage key. A key is never used again, so cached bytes are never wrong. Only bytes are
 * cached. D1 is asked for each request whether it may have them.
 */
import { logError } from '../../lib/log.ts'
import type { Usage } from '../../lib/usage.ts'
import type { Digest } from '../../oci/digest.ts'
import type { BlobStore, ByteRange } from './blob-store.ts'
import { CacheFills, type FillOutcome } from './cache-fills.ts'
import { pipeBody } from './stalled-body.ts'

type Bytes = ReadableStream<Uint8Array>

/** The platform's limit for a cached response. */
const CACHED_BYTES_AT_MOST = 512 * 1024 * 1024

/** An object of up to this size is cached at its first read, which delays that read only a little. */
const SMALL_BYTES = 4 * 1024 * 1024

/** A request waits at most this long for a fill. Then it reads the store itself. */
const PATIENCE_MS = 20_000

/** Fills that one request waits for: one, and another if it fails. */
const WAITS_AT_MOST = 2

/** A first read is remembered for this time at this location. */
const ASKED_SECONDS = 7 * 24 * 60 * 60

const isolateFills = new CacheFills()

/**
 * The runtime moves all bytes: from the store to the client, from the store into the cache, and from the cache to the client. No byte
 * passes through JavaScript or is held in memory. Copying one body to the client and the cache at once took 1.3 to 1.5 times as long as
 * sending it (3 to 4 times with a slow cache), and its CPU time costs more than the second read that it saves.
 *
 * So an uncached read either sends the store's body to the client, or fills the cache with it and answers from there. The fill answers
 * all requests that came meanwhile, too. A large object is sent to the first client at a location. The second request for it fills the
 * cache. It uses the read of the first if the store has not answered that yet, and otherwise makes one more.
 */
export class EdgeCache {
  readonly #store: Pick<BlobStore, 'read' | 'isNear'>
  readonly #usage: Usage
  readonly #keepAlive: (work: Promise<unknown>) => void
  readonly #fills: CacheFills
  #digest: Digest | null = null

  /** `keepAlive` lets a fill go on when its client leaves, because others may wait for it. */
  constructor(
    store: Pick<BlobStore, 'read' | 'isNear'>,
    usage: Usage,
    keepAlive: (work: Promise<unknown>) => void,
    fills: CacheFills = isolateFills,
  ) {
    this.#store = store
    this.#usage = usage
    this.#keepAlive = keepAlive
    this.#fills = fills
  }

  /** Announces a read before D1 is asked for its object, so that concurrent reads of the same digest know of each other. */
  announce(digest: Digest): void {
    this.#digest = digest
    this.#fills.ask(digest)
  }

  /** The bytes of the object `key`, which has `size` bytes, or of `range`; null if the object does not exist. */
  read(key: string, size: number, range?: ByteRange): Promise<Bytes | null> {
    const part = range?.length === size ? undefined : range
    const isCached = size > 0 && size <= CACHED_BYTES_AT_MOST && this.#store.isNear !== true
    if (!isCached) return this.#store.read(key, part)
    return part === undefined ? this.#whole(key, size) : this.#part(key, size, part)
  }

  async #whole(key: string, size: number): Promise<Bytes | null> {
    for (let waits = 0; ; waits++) {
      const cached = await this.#cached(key, size)
      if (cached !== null) return cached
      const running = this.#fills.running(key)
      if (running === undefined || waits === WAITS_AT_MOST) break
      if ((await inTime(running)) === 'late') break
    }
    this.#usage.cache = 'miss'
    if (!this.#fills.mayBegin(key)) return this.#store.read(key)
    const filled = this.#fill(key, size, size <= SMALL_BYTES)
    this.#keepAlive(filled.catch(() => undefined))
    const body = await inTime(filled)
    return body === 'late' || body === 'failed' ? this.#store.read(key) : body
  }

  /**
   * The first range of an uncached object is read alone, because the client may want no more. If more ranges follow, of the same or
   * other clients, they come from the cache.
   */
  async #part(key: string, size: number, range: ByteRange): Promise<Bytes | null> {
    const cached = await this.#cached(key, size, range)
    if (cached !== null) return cached
    this.#usage.cache = 'miss'
    const [body, again] = await Promise.all([this.#store.read(key, range), this.#askedAgain(key)])
    if (again && this.#fills.mayBegin(key)) {
      const aside = this.#fill(key, size, true).then((filled) => {
        if (filled instanceof ReadableStream) return filled.cancel()
      })
      this.#keepAlive(aside.catch(() => undefined))
    }
    return body
  }

  /**
   * Reads the object for all requests that come until the fill ends.
   * @returns its bytes, from the cache if it was filled; null if the object does not exist
   */
  async #fill(key: string, size: number, atOnce: boolean): Promise<Bytes | 'failed' | null> {
    const end = this.#fills.begin(key)
    let outcome: FillOutcome = 'not tried'
    try {
      const [body, again] = await Promise.all([
        this.#store.read(key),
        atOnce || this.#askedAgain(key),
      ])
      if (body === null || !again) return body
      outcome = 'failed'
      await put(key, size, body)
      const cached = await match(key, size)
      if (cached === null) return 'failed'
      outcome = 'filled'
      return cached
    } catch (error) {
      if (outcome === 'not tried') throw error
      logError({ message: 'the edge cache was not filled', key }, error)
      return 'failed'
    } finally {
      end(outcome)
    }
  }

  async #cached(key: string, size: number, range?: ByteRange): Promise<Bytes | null> {
    try {
      const body = await match(key, size, range)
      if (body !== null) this.#usage.cache ??= 'hit'
      return body
    } catch (error) {
      logError({ message: 'the edge cache was not read', key }, error)
      return null
    }
  }

  /** Whether the object was requested at this location before. Records this request. */
  async #askedAgain(key: string): Promise<boolean> {
    const cache = await openCache()
    const mark = `https://asked.berth.internal/${key}`
    const seen = await cache.match(mark).catch(() => undefined)
    if (seen === undefined) {
      const headers = { 'Cache-Control': `max-age=${ASKED_SECONDS}` }
      this.#keepAlive(cache.put(mark, new Response('', { headers })).catch(() => undefined))
    }
    // Checked last, so that requests count that came during the reads of the store and the cache.
    return (this.#digest && this.#fills.askedByOthers(this.#digest)) || seen !== undefined
  }
}

function openCache(): Promise<Cache> {
  return caches.open('blobs')
}

/** The cache keys of the bytes, and of the mark that names the fill that completed them. */
function bytesUrl(key: string): string {
  return `https://blobs.berth.internal/${key}`
}
function wholeUrl(key: string): string {
  return `https://whole.berth.internal/${key}`
}

const FILL = 'Berth-Fill'

/**
 * A fill that breaks off may leave a part in the cache with the length of the whole, as in the local simulator. The mark is put after
 * the bytes. They are served only if the mark is of the same fill.
 */
async function match(key: string, size: number, range?: ByteRange): Promise<Bytes | null> {
  const cache = await openCache()
  const headers: Record<string, string> = {}
  if (range !== undefined) headers.Range = byteRange(range)
  const [cached, mark] = await Promise.all([
    cache.match(new Request(bytesUrl(key), { headers })),
    cache.match(wholeUrl(key)),
  ])
  if (!cached?.body) return null
  const total = range === undefined ? 'Content-Length' : 'Content-Range'
  const isWhole =
    cached.headers.get(FILL) === mark?.headers.get(FILL) &&
    cached.status === (range === undefined ? 200 : 206) &&
    cached.headers.get(total)?.split('/').at(-1) === String(size)
  if (isWhole) return cached.body
  await cached.body.cancel()
  return null
}

/** @throws if the body breaks off or does not have `size` bytes */
async function put(key: string, size: number, body: Bytes): Promise<void> {
  const { readable, writable } = new FixedLengthStream(size)
  const cache = await openCache()
  const headers = { 'Cache-Control': 'max-age=31536000, immutable', [FILL]: crypto.randomUUID() }
  const stop = new AbortController()
  pipeBody(body, writable, { signal: stop.signal }).catch(() => undefined)
  try {
    await cache.put(bytesUrl(key), new Response(readable, { headers }))
    await cache.put(wholeUrl(key), new Response('', { headers }))
  } finally {
    // A cache that refuses the body does not read it.
    stop.abort()
  }
}

function byteRange({ offset, length }: ByteRange): string {
  return `bytes=${offset}-${offset + length - 1}`
}

function inTime<T>(work: Promise<T>): Promise<T | 'late'> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve('late'), PATIENCE_MS)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
