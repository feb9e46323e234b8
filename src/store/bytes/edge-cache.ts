/**
 * The edge's cache before a blob store, by storage key: a key is never re-used, so what is cached is never wrong. Only bytes are
 * cached; whether a request may have them is asked of D1 each time.
 */
import { logError } from '../../lib/log.ts'
import type { Usage } from '../../lib/usage.ts'
import type { Digest } from '../../oci/digest.ts'
import type { BlobStore, ByteRange } from './blob-store.ts'
import { CacheFills, type FillOutcome } from './cache-fills.ts'

type Bytes = ReadableStream<Uint8Array>

/** The platform's limit of a cached response. */
const CACHED_BYTES_AT_MOST = 512 * 1024 * 1024

/** What is no larger is cached when it is read for the first time: that delays it by little. */
const SMALL_BYTES = 4 * 1024 * 1024

/** For so long a request waits for the cache to be filled; then it reads the store itself. */
const PATIENCE_MS = 20_000

/** Fills that one request waits for: its own luck, and one more where the first failed. */
const WAITS_AT_MOST = 2

/** For so long a first read is remembered at this location. */
const ASKED_SECONDS = 7 * 24 * 60 * 60

const isolateFills = new CacheFills()

/**
 * No byte passes through JavaScript, and none is held: bodies go from the store to the client, from the store into the cache, and
 * from the cache to the client, each by itself and at its own pace, moved by the runtime. Copying one body to the client and to
 * the cache at once took 1.3 to 1.5 times as long as sending it (3 to 4 times where the cache is the slower one), and its CPU
 * time costs more than the second read that this spares.
 *
 * So a read of what is not cached either passes the store's body on, or fills the cache with it and is answered from there,
 * together with all who asked meanwhile: one read of the store either way. A large object is passed on to the first who asks
 * for it at a location, and fills the cache as soon as anybody else asks: with the same read where they ask before the store has
 * answered the first, and else with one more, however many they are.
 */
export class EdgeCache {
  readonly #store: Pick<BlobStore, 'read'>
  readonly #usage: Usage
  readonly #keepAlive: (work: Promise<unknown>) => void
  readonly #fills: CacheFills
  #digest: Digest | null = null

  /** `keepAlive` lets a fill go on when the client that began it leaves: others wait for it. */
  constructor(
    store: Pick<BlobStore, 'read'>,
    usage: Usage,
    keepAlive: (work: Promise<unknown>) => void,
    fills: CacheFills = isolateFills,
  ) {
    this.#store = store
    this.#usage = usage
    this.#keepAlive = keepAlive
    this.#fills = fills
  }

  /** Tells what is about to be read, before the database is asked where it is: who reads the same now knows of this one. */
  announce(digest: Digest): void {
    this.#digest = digest
    this.#fills.ask(digest)
  }

  /** The bytes of the object `key`, of `size` bytes in all, or those of `range`; null where there is no such object. */
  read(key: string, size: number, range?: ByteRange): Promise<Bytes | null> {
    const part = range?.length === size ? undefined : range
    if (size === 0 || size > CACHED_BYTES_AT_MOST) return this.#store.read(key, part)
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
   * Part of what is not cached is read for itself, since it may be all that is wanted; but a client that fetches a layer in
   * pieces, or several that do, have the rest from the cache.
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
   * Reads the object for all who ask until it is done.
   * @returns its bytes, from the cache where that was to be filled; null where there is no such object
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

  /** Whether the object was asked for at this location before. From now on it was. */
  async #askedAgain(key: string): Promise<boolean> {
    const cache = await openCache()
    const mark = `https://asked.berth.internal/${key}`
    const seen = await cache.match(mark).catch(() => undefined)
    if (seen === undefined) {
      const headers = { 'Cache-Control': `max-age=${ASKED_SECONDS}` }
      this.#keepAlive(cache.put(mark, new Response('', { headers })).catch(() => undefined))
    }
    // Looked at last: those who came while the store and the cache were asked count, too.
    return (this.#digest && this.#fills.askedByOthers(this.#digest)) || seen !== undefined
  }
}

function openCache(): Promise<Cache> {
  return caches.open('blobs')
}

/** Of the bytes; and of the mark that says with which fill they became whole. */
function bytesUrl(key: string): string {
  return `https://blobs.berth.internal/${key}`
}
function wholeUrl(key: string): string {
  return `https://whole.berth.internal/${key}`
}

const FILL = 'Berth-Fill'

/**
 * A fill that breaks off may leave a part in the cache, under the length of the whole (the local simulator does): bytes are served
 * only where the mark, which is put after them, is of the same fill.
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

/** @throws where the body breaks off or is not `size` bytes long */
async function put(key: string, size: number, body: Bytes): Promise<void> {
  const { readable, writable } = new FixedLengthStream(size)
  const cache = await openCache()
  const headers = { 'Cache-Control': 'max-age=31536000, immutable', [FILL]: crypto.randomUUID() }
  const stop = new AbortController()
  body.pipeTo(writable, { signal: stop.signal }).catch(() => undefined)
  try {
    await cache.put(bytesUrl(key), new Response(readable, { headers }))
    await cache.put(wholeUrl(key), new Response('', { headers }))
  } finally {
    // A cache that did not want the body left it where it was.
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
