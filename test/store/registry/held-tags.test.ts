/** What an isolate holds of tags: for how long, how much, what lets go of it, and who shares a query. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { HeldTags } from '../../../src/store/registry/held-tags.ts'
import type { StoredManifest } from '../../../src/store/registry/manifests.ts'
import { anyDigest } from '../support.ts'

const HOLD_MS = 5000

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function aManifest(payload = '{}'): StoredManifest {
  return { digest: anyDigest(), mediaType: 'm', size: payload.length, content: { payload } }
}

/** A read that is answered when the test says so. */
function aRead() {
  const { promise, resolve, reject } = Promise.withResolvers<StoredManifest | null>()
  return { read: vi.fn(() => promise), resolve, reject }
}

const fails = () => Promise.reject(new Error('it was read'))

describe('a held tag', () => {
  it('is answered without a read while it is held, counted from the start of the read', async () => {
    const tags = new HeldTags()
    const manifest = aManifest()
    const slow = aRead()
    const first = tags.resolve('a', 't', HOLD_MS, slow.read)
    vi.advanceTimersByTime(1000)
    slow.resolve(manifest)
    expect(await first).toBe(manifest)
    vi.advanceTimersByTime(HOLD_MS - 1001)
    expect(await tags.resolve('a', 't', HOLD_MS, fails)).toBe(manifest)
    vi.advanceTimersByTime(1)
    const newer = aManifest()
    expect(await tags.resolve('a', 't', HOLD_MS, async () => newer)).toBe(newer)
  })

  it('belongs to one tag of one repository', async () => {
    const tags = new HeldTags()
    await tags.resolve('a', 't', HOLD_MS, async () => aManifest())
    await expect(tags.resolve('a', 'u', HOLD_MS, fails)).rejects.toThrow('it was read')
    await expect(tags.resolve('a/b', 't', HOLD_MS, fails)).rejects.toThrow('it was read')
  })

  it('is not held if the tag does not exist', async () => {
    const tags = new HeldTags()
    expect(await tags.resolve('a', 't', HOLD_MS, async () => null)).toBeNull()
    const manifest = aManifest()
    expect(await tags.resolve('a', 't', HOLD_MS, async () => manifest)).toBe(manifest)
  })

  it('is dropped with its repository, not with others', async () => {
    const tags = new HeldTags()
    const kept = aManifest()
    await tags.resolve('a', 't', HOLD_MS, async () => aManifest())
    await tags.resolve('a', 'u', HOLD_MS, async () => aManifest())
    await tags.resolve('a/b', 't', HOLD_MS, async () => kept)
    tags.drop('a')
    const newer = aManifest()
    for (const tag of ['t', 'u']) {
      expect(await tags.resolve('a', tag, HOLD_MS, async () => newer)).toBe(newer)
    }
    expect(await tags.resolve('a/b', 't', HOLD_MS, fails)).toBe(kept)
  })

  it('that was read before the repository changed is not held after it', async () => {
    const tags = new HeldTags()
    const [old, newer] = [aManifest(), aManifest()]
    const before = aRead()
    const first = tags.resolve('a', 't', HOLD_MS, before.read)
    tags.drop('a')
    // A request after the change does not share what was asked before it.
    expect(await tags.resolve('a', 't', HOLD_MS, async () => newer)).toBe(newer)
    before.resolve(old)
    expect(await first).toBe(old)
    expect(await tags.resolve('a', 't', HOLD_MS, fails)).toBe(newer)
  })
})

describe('requests at the same time', () => {
  it('share one read', async () => {
    const tags = new HeldTags()
    const { read, resolve } = aRead()
    const all = Array.from({ length: 100 }, () => tags.resolve('a', 't', HOLD_MS, read))
    const manifest = aManifest()
    resolve(manifest)
    expect(new Set(await Promise.all(all))).toEqual(new Set([manifest]))
    expect(read).toHaveBeenCalledTimes(1)
  })

  it('share the absence of a tag, and the next request asks again', async () => {
    const tags = new HeldTags()
    const { read, resolve } = aRead()
    const both = [tags.resolve('a', 't', HOLD_MS, read), tags.resolve('a', 't', HOLD_MS, fails)]
    resolve(null)
    expect(await Promise.all(both)).toEqual([null, null])
    await expect(tags.resolve('a', 't', HOLD_MS, fails)).rejects.toThrow('it was read')
  })

  it('read for themselves if the shared read fails', async () => {
    const tags = new HeldTags()
    const broken = aRead()
    const first = tags.resolve('a', 't', HOLD_MS, broken.read)
    const manifest = aManifest()
    const second = tags.resolve('a', 't', HOLD_MS, async () => manifest)
    broken.reject(new Error('lost'))
    await expect(first).rejects.toThrow('lost')
    expect(await second).toBe(manifest)
  })

  it('read for themselves if the shared read is late, and later ones share the next read', async () => {
    const tags = new HeldTags()
    const lost = aRead()
    void tags.resolve('a', 't', HOLD_MS, lost.read)
    const manifest = aManifest()
    const waiting = tags.resolve('a', 't', HOLD_MS, async () => manifest)
    await vi.advanceTimersByTimeAsync(2000)
    expect(await waiting).toBe(manifest)
    const next = aRead()
    const after = [
      tags.resolve('a', 't', HOLD_MS, next.read),
      tags.resolve('a', 't', HOLD_MS, fails),
    ]
    next.resolve(manifest)
    expect(await Promise.all(after)).toEqual([manifest, manifest])
  })
})

describe('the memory of held tags', () => {
  it('holds at most a thousand tags: the least recently requested is dropped', async () => {
    const tags = new HeldTags()
    const hold = (tag: string) => tags.resolve('a', tag, HOLD_MS, async () => aManifest())
    for (let tag = 0; tag < 1000; tag++) await hold(`t${tag}`)
    await tags.resolve('a', 't0', HOLD_MS, fails)
    await hold('t1000')
    await tags.resolve('a', 't0', HOLD_MS, fails)
    await tags.resolve('a', 't2', HOLD_MS, fails)
    await expect(tags.resolve('a', 't1', HOLD_MS, fails)).rejects.toThrow('it was read')
  })

  it('holds at most 4 MiB, with a character counted as two bytes', async () => {
    const tags = new HeldTags()
    const payload = 'x'.repeat(64 * 1024 - 256)
    for (let tag = 0; tag < 33; tag++) {
      await tags.resolve('a', `t${tag}`, HOLD_MS, async () => aManifest(payload))
    }
    for (let tag = 1; tag < 33; tag++) await tags.resolve('a', `t${tag}`, HOLD_MS, fails)
    await expect(tags.resolve('a', 't0', HOLD_MS, fails)).rejects.toThrow('it was read')
    // What is let go of makes room again.
    tags.drop('a')
    for (let tag = 0; tag < 32; tag++) {
      await tags.resolve('a', `t${tag}`, HOLD_MS, async () => aManifest(payload))
    }
    await tags.resolve('a', 't0', HOLD_MS, fails)
  })
})
