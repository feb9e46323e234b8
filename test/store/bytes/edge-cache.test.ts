/** The edge cache: what is read from R2 and how often, what is cached, and what is served when the cache does not do its part. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Usage } from '../../../src/lib/usage.ts'
import type { ByteRange } from '../../../src/store/bytes/blob-store.ts'
import { CacheFills } from '../../../src/store/bytes/cache-fills.ts'
import { EdgeCache } from '../../../src/store/bytes/edge-cache.ts'
import { R2BlobStore } from '../../../src/store/bytes/r2-blob-store.ts'
import { counted } from '../../support/counting.ts'
import { type PushedBlob, pushBlob, randomBytes, send } from '../../support/registry.ts'
import { anyDigest } from '../support.ts'

const SMALL = randomBytes(300_000)
const LARGE = randomBytes(4 * 1024 * 1024 + 1)
const TOO_LARGE_BYTES = 512 * 1024 * 1024 + 1
const HERD = 20

type Body = ReadableStream<Uint8Array>

/** One isolate before one object. */
class Place {
  readonly #digest = anyDigest()
  readonly key = `blobs/${crypto.randomUUID()}`
  readonly size: number
  reads = 0
  /** Whether the store is as fast as the cache. */
  isNear = false
  /** What the store answers instead of the object's bytes, one after the other. */
  readonly instead: Body[] = []
  readonly work: Promise<unknown>[] = []
  #fills = new CacheFills()
  readonly #r2 = new R2BlobStore(env.BUCKET)

  constructor(size: number) {
    this.size = size
  }

  async read(range?: ByteRange): Promise<{ body: Body | null; usage: Usage }> {
    const usage = new Usage()
    const store = {
      isNear: this.isNear,
      read: (key: string, part?: ByteRange) => {
        this.reads++
        const instead = this.instead.shift()
        return instead === undefined ? this.#r2.read(key, part) : Promise.resolve(instead)
      },
    }
    const cache = new EdgeCache(store, usage, (work) => this.work.push(work), this.#fills)
    cache.announce(this.#digest)
    return { body: await cache.read(this.key, this.size, range), usage }
  }

  /** Somebody else asks, and is not allowed to read. */
  announce(): void {
    this.#fills.ask(this.#digest)
  }

  /** Reads all of it and waits for what was begun beside it. */
  async take(range?: ByteRange): Promise<{ bytes: Uint8Array; cache: Usage['cache'] }> {
    const { body, usage } = await this.read(range)
    const bytes = await all(body)
    await Promise.all(this.work)
    return { bytes, cache: usage.cache }
  }

  /** Another isolate at the same location: the cache is the same, what is remembered is not. */
  moveIsolate(): void {
    this.#fills = new CacheFills()
  }

  isCached(): Promise<boolean> {
    return isCached(this.key)
  }
}

async function place(bytes: Uint8Array<ArrayBuffer>): Promise<Place> {
  const made = new Place(bytes.length)
  await env.BUCKET.put(made.key, bytes)
  return made
}

async function all(body: Body | null): Promise<Uint8Array> {
  return new Uint8Array(await new Response(body).arrayBuffer())
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

function urlOf(key: string): string {
  return `https://blobs.berth.internal/${key}`
}

async function isCached(key: string): Promise<boolean> {
  const cache = await caches.open('blobs')
  return (await cache.match(`https://whole.berth.internal/${key}`)) !== undefined
}

/** Bytes that end early: in order, or with an error. */
function broken(bytes: Uint8Array, how: 'short' | 'failed'): Body {
  let pulled = false
  return new ReadableStream({
    type: 'bytes',
    pull(controller) {
      if (!pulled) {
        pulled = true
        return controller.enqueue(bytes.slice(0, 100_000))
      }
      if (how === 'failed') return controller.error(new Error('the store broke off'))
      controller.close()
      controller.byobRequest?.respond(0)
    },
  })
}

/** Lets `act` stand in for Cache.put of bytes, until it gives the call on. Marks are put as ever. */
function patchPut(act: (put: () => Promise<void>) => Promise<void>): { calls: number } {
  const seen = { calls: 0 }
  const real = Cache.prototype.put
  vi.spyOn(Cache.prototype, 'put').mockImplementation(function patched(
    this: Cache,
    request,
    response,
  ) {
    if (!String(request).startsWith('https://blobs.')) return real.call(this, request, response)
    seen.calls++
    return act(() => real.call(this, request, response))
  })
  return seen
}

beforeEach(() => {
  vi.spyOn(console, 'error').mockImplementation(() => undefined)
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('a small object', () => {
  it('is read from R2 once, and cached with that', async () => {
    const here = await place(SMALL)
    expect(await here.take()).toEqual({ bytes: SMALL, cache: 'miss' })
    expect(await here.take()).toEqual({ bytes: SMALL, cache: 'hit' })
    here.moveIsolate()
    expect(await here.take()).toEqual({ bytes: SMALL, cache: 'hit' })
    expect(here.reads).toBe(1)
  })

  it('is small up to 4 MiB', async () => {
    const here = await place(LARGE.slice(1))
    await here.take()
    expect(await here.isCached()).toBe(true)
  })
})

describe('a large object', () => {
  it('goes straight to the first client, fills the cache for the second, and is cached for the third', async () => {
    const here = await place(LARGE)
    for (const [reads, cache] of [
      [1, 'miss'],
      [2, 'miss'],
      [2, 'hit'],
    ] as const) {
      const taken = await here.take()
      expect(same(taken.bytes, LARGE)).toBe(true)
      expect([here.reads, taken.cache]).toEqual([reads, cache])
    }
  })

  it('is not cached by the first', async () => {
    const here = await place(LARGE)
    await here.take()
    expect(await here.isCached()).toBe(false)
  })

  it('is remembered at the location, whichever isolate the second request reaches', async () => {
    const here = await place(LARGE)
    await here.take()
    here.moveIsolate()
    await here.take()
    expect(await here.isCached()).toBe(true)
  })
})

describe('an object of a store that is as fast as the cache', () => {
  it('is read each time, and never cached', async () => {
    const object = await place(SMALL)
    object.isNear = true
    for (let read = 1; read <= 3; read++) {
      const { bytes, cache } = await object.take()
      expect(same(bytes, SMALL)).toBe(true)
      expect(cache).toBe(null)
      expect(object.reads).toBe(read)
    }
    expect(await object.isCached()).toBe(false)
  })
})

describe('an object over the limit of a cached response', () => {
  it('is read from R2 each time, and its cache never asked', async () => {
    const here = new Place(TOO_LARGE_BYTES)
    await env.BUCKET.put(here.key, SMALL)
    const match = vi.spyOn(Cache.prototype, 'match')
    for (const reads of [1, 2, 3]) {
      expect(await here.take()).toEqual({ bytes: SMALL, cache: null })
      expect(here.reads).toBe(reads)
    }
    await here.take({ offset: 0, length: 10 })
    expect(match).not.toHaveBeenCalled()
    expect(await here.isCached()).toBe(false)
  })
})

describe.each([
  ['a small object', SMALL],
  ['a large one', LARGE],
])('many clients that request %s at once', (_, bytes) => {
  it('cost one read', async () => {
    const here = await place(bytes)
    const taken = await Promise.all(Array.from({ length: HERD }, () => here.take()))
    expect(here.reads).toBe(1)
    expect(taken.every((one) => same(one.bytes, bytes))).toBe(true)
    expect(
      taken
        .map(({ cache }) => cache)
        .toSorted()
        .indexOf('miss'),
    ).toBe(HERD - 1)
  })

  it('are not held up by one of them that does not read', async () => {
    const here = await place(bytes)
    const bodies = await Promise.all(Array.from({ length: HERD }, () => here.read()))
    const [, ...others] = bodies
    for (const { body } of others) expect(same(await all(body), bytes)).toBe(true)
    expect(same(await all(bodies[0]?.body ?? null), bytes)).toBe(true)
    expect(here.reads).toBe(1)
  })
})

describe('a request during the lookup of the first one', () => {
  it('is known to the first, though it does not read yet', async () => {
    const here = await place(LARGE)
    const reading = here.take()
    here.announce()
    expect(same((await reading).bytes, LARGE)).toBe(true)
    expect(await here.isCached()).toBe(true)
  })
})

describe('many clients after the first request for a large object', () => {
  it('cost one more read, and the slow first one holds up nobody', async () => {
    const here = await place(LARGE)
    const first = await here.read()
    const herd = await Promise.all(Array.from({ length: HERD }, () => here.take()))
    expect(herd.every(({ bytes }) => same(bytes, LARGE))).toBe(true)
    expect(here.reads).toBe(2)
    expect(same(await all(first.body), LARGE)).toBe(true)
  })
})

describe('a range', () => {
  const range = { offset: 1000, length: 200 }
  const part = LARGE.slice(1000, 1200)

  it('of an uncached object is read alone', async () => {
    const here = await place(LARGE)
    expect(await here.take(range)).toEqual({ bytes: part, cache: 'miss' })
    expect(here.reads).toBe(1)
    expect(await here.isCached()).toBe(false)
  })

  it('that is a second one lets the cache be filled beside it', async () => {
    const here = await place(LARGE)
    await here.take({ offset: 0, length: 10 })
    expect(await here.take(range)).toEqual({ bytes: part, cache: 'miss' })
    expect(here.reads).toBe(3)
    expect(await here.take(range)).toEqual({ bytes: part, cache: 'hit' })
    expect(here.reads).toBe(3)
  })

  it('of several at once lets it be filled once', async () => {
    const here = await place(LARGE)
    const ranges = Array.from({ length: 8 }, (_, index) => ({ offset: index * 1000, length: 1000 }))
    const taken = await Promise.all(ranges.map((each) => here.take(each)))
    expect(same(Buffer.concat(taken.map(({ bytes }) => bytes)), LARGE.slice(0, 8000))).toBe(true)
    // One each, where none was so late that it found the cache filled.
    expect(here.reads).toBeLessThanOrEqual(ranges.length + 1)
    expect(await here.isCached()).toBe(true)
  })

  it('of all of it is a read of the whole', async () => {
    const here = await place(SMALL)
    const whole = { offset: 0, length: SMALL.length }
    expect(await here.take(whole)).toEqual({ bytes: SMALL, cache: 'miss' })
    expect(await here.take(whole)).toEqual({ bytes: SMALL, cache: 'hit' })
    expect(here.reads).toBe(1)
  })
})

describe('no incomplete cache entry is served', () => {
  it.each(['short', 'failed'] as const)('of a read of R2 that was %s', async (how) => {
    const here = await place(SMALL)
    here.instead.push(broken(SMALL, how))
    const { body } = await here.read()
    expect(await here.isCached()).toBe(false)
    expect(await all(body)).toEqual(SMALL)
    expect(await here.take()).toEqual({ bytes: SMALL, cache: 'miss' })
    expect(await here.take()).toEqual({ bytes: SMALL, cache: 'hit' })
  })

  it.each<[string, ByteRange | undefined]>([
    ['the whole', undefined],
    ['a range', { offset: 100, length: 10 }],
  ])('of a fill after the one that is known to be whole: %s', async (_, range) => {
    const here = await place(SMALL)
    await here.take()
    await overwrite(here.key, SMALL, 'a fill that broke off')
    const expected = range === undefined ? SMALL : SMALL.slice(100, 110)
    expect(await here.take(range)).toEqual({ bytes: expected, cache: 'miss' })
  })

  it.each<[string, ByteRange | undefined]>([
    ['the whole', undefined],
    ['a range', { offset: 100, length: 10 }],
  ])('where the cache has another length than the object: %s', async (_, range) => {
    const here = await place(SMALL)
    await here.take()
    const mark = await (await caches.open('blobs')).match(
      `https://whole.berth.internal/${here.key}`,
    )
    await overwrite(here.key, SMALL.slice(1), mark?.headers.get('Berth-Fill') ?? '')
    const expected = range === undefined ? SMALL : SMALL.slice(100, 110)
    expect(await here.take(range)).toEqual({ bytes: expected, cache: 'miss' })
  })
})

/** Puts other bytes into the cache. */
async function overwrite(key: string, bytes: Uint8Array<ArrayBuffer>, fill: string): Promise<void> {
  const headers = { 'Cache-Control': 'max-age=1000', 'Berth-Fill': fill }
  await (await caches.open('blobs')).put(urlOf(key), new Response(bytes, { headers }))
}

describe('a cache that fails', () => {
  it('to be read is passed by', async () => {
    const here = await place(SMALL)
    await here.take()
    vi.spyOn(Cache.prototype, 'match').mockRejectedValue(new Error('no cache today'))
    expect(await here.take()).toEqual({ bytes: SMALL, cache: 'miss' })
    expect(await here.take({ offset: 0, length: 9 })).toEqual({
      bytes: SMALL.slice(0, 9),
      cache: 'miss',
    })
  })

  it('to be filled once is filled by the next of those who wait', async () => {
    const here = await place(LARGE)
    const puts = patchPut((put) => (puts.calls === 1 ? Promise.reject(new Error('full')) : put()))
    const taken = await Promise.all(Array.from({ length: HERD }, () => here.take()))
    expect(taken.every(({ bytes }) => same(bytes, LARGE))).toBe(true)
    // That which failed, its reader's own, and the one that filled the cache.
    expect(here.reads).toBe(3)
    expect(puts.calls).toBe(2)
    expect(await here.isCached()).toBe(true)
  })

  it.each<[string, () => Promise<void>]>([
    ['refuses everything', () => Promise.reject(new Error('413'))],
    ['keeps nothing, as on workers.dev', () => Promise.resolve()],
  ])('and %s is not filled any more for a while', async (_, answer) => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const here = await place(SMALL)
    const puts = patchPut(answer)
    for (const reads of [2, 4, 5, 6]) {
      expect((await here.take()).bytes).toEqual(SMALL)
      expect(here.reads).toBe(reads)
    }
    expect(puts.calls).toBe(2)
    vi.setSystemTime(Date.now() + 10 * 60_000)
    await here.take()
    expect(puts.calls).toBe(3)
  })

  it('by hanging is waited for by nobody for longer than 20 seconds', async () => {
    const here = await place(SMALL)
    patchPut(() => new Promise(() => undefined))
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const reading = Promise.all([here.read(), here.read()])
    const settled = vi.fn()
    reading.then(settled, settled)
    await scheduler.wait(200)
    await vi.advanceTimersByTimeAsync(19_000)
    await scheduler.wait(50)
    expect(settled).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1000)
    for (const { body } of await reading) expect(await all(body)).toEqual(SMALL)
    expect(here.reads).toBe(3)
  })
})

describe('an object that is not there', () => {
  it('is null for every caller', async () => {
    const here = new Place(100)
    const taken = await Promise.all([here.read(), here.read(), here.read()])
    expect(taken.map(({ body }) => body)).toEqual([null, null, null])
    expect(await here.isCached()).toBe(false)
  })
})

describe('the bytes of a pull', () => {
  function pull(repository: string, { digest }: PushedBlob, range?: string): Promise<Response> {
    const headers: Record<string, string> = range === undefined ? {} : { Range: range }
    return send('GET', `/v2/${repository}/blobs/${digest}`, { headers })
  }

  it.each([
    ['bytes=100-299', 206, SMALL.subarray(100, 300)],
    ['bytes=-5', 206, SMALL.subarray(-5)],
    ['bytes=299999-', 206, SMALL.subarray(299_999)],
    ['bytes=0-', 206, SMALL],
  ])('for a request of %s come from the cache', async (range, status, expected) => {
    const blob = await pushBlob('cache/range', SMALL)
    await pull('cache/range', blob)
    const { r2Reads } = await counted(async () => {
      const response = await pull('cache/range', blob, range)
      expect(response.status).toBe(status)
      expect(new Uint8Array(await response.arrayBuffer())).toEqual(expected)
    })
    expect(r2Reads).toBe(0)
  })

  it('are not cached by a range', async () => {
    const blob = await pushBlob('cache/partial', randomBytes(1000))
    await pull('cache/partial', blob, 'bytes=0-9')
    const { r2Reads } = await counted(() => pull('cache/partial', blob))
    expect(r2Reads).toBe(1)
  })

  it('are cached by bytes=0-', async () => {
    const blob = await pushBlob('cache/open', randomBytes(1000))
    await pull('cache/open', blob, 'bytes=0-')
    const { r2Reads } = await counted(() => pull('cache/open', blob))
    expect(r2Reads).toBe(0)
  })

  it('for many clients are read once', async () => {
    const blob = await pushBlob('cache/herd', LARGE)
    const { r2Reads } = await counted(async () => {
      const herd = Array.from({ length: HERD }, () => pull('cache/herd', blob))
      for (const response of await Promise.all(herd)) {
        expect(response.headers.get('Content-Length')).toBe(String(LARGE.length))
        expect(same(new Uint8Array(await response.arrayBuffer()), LARGE)).toBe(true)
      }
    })
    expect(r2Reads).toBe(1)
  })

  it('are gone after the delete, even if another repository filled the cache (CVE-2026-35172)', async () => {
    const blob = await pushBlob('cache/a', randomBytes(1000))
    await pushBlob('cache/b', randomBytes(10))
    const mount = `/v2/cache/b/blobs/uploads/?mount=${blob.digest}&from=cache/a`
    expect((await send('POST', mount)).status).toBe(201)
    await pull('cache/a', blob)
    expect((await send('DELETE', `/v2/cache/a/blobs/${blob.digest}`)).status).toBe(202)
    const { r2Reads } = await counted(async () => {
      expect((await pull('cache/b', blob)).status).toBe(200)
    })
    // Its bytes are still cached, and yet:
    expect(r2Reads).toBe(0)
    expect((await pull('cache/a', blob)).status).toBe(404)
    expect((await pull('cache/a', blob, 'bytes=0-1')).status).toBe(404)
  })
})
