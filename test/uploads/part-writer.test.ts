import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { digestOf } from '../../src/oci/digest.ts'
import { completeUpload } from '../../src/uploads/complete.ts'
import { BUFFERS_AT_MOST, PART_BYTES, partBuffers } from '../../src/uploads/part-buffers.ts'
import { PartWriter, type Reception } from '../../src/uploads/part-writer.ts'
import { SessionState } from '../../src/uploads/session-state.ts'
import { randomBytes } from '../support/registry.ts'
import { bodyOf, cut, MemoryBlobStore, sameBytes, withStorage } from './support.ts'

const SOURCE = randomBytes(3 * PART_BYTES)
const NO_LIMIT = Number.POSITIVE_INFINITY
const READ_BYTES = 512 * 1024

interface Upload {
  store: MemoryBlobStore
  state: SessionState
  writer: PartWriter
  append(pieces: readonly Uint8Array[], limit?: number, failure?: Error): Promise<Reception>
  finish(): Promise<Uint8Array | undefined>
}

/** An upload in its own storage; `evict` goes on with nothing but what is durable. */
function begin(storage: DurableObjectStorage, store = new MemoryBlobStore()): Upload {
  const state = new SessionState(storage)
  if (state.phase === 'fresh') state.open('key')
  const writer = new PartWriter(store, state)
  return {
    store,
    state,
    writer,
    append: (pieces, limit = NO_LIMIT, failure) =>
      writer.append(bodyOf(pieces, failure), limit, 'sha256'),
    finish: async () => {
      const digest = await digestOf(SOURCE.slice(0, state.offset))
      return (await completeUpload(store, state, writer, digest))
        ? store.objects.get('key')
        : undefined
    },
  }
}

/** Sizes at which something happens, and those around them. */
const interesting = fc
  .tuple(
    fc.constantFrom(0, 64 * 1024, READ_BYTES, 1024 * 1024, PART_BYTES, 2 * PART_BYTES),
    fc.integer({ min: -2, max: 2 }),
  )
  .map(([size, delta]) => Math.max(size + delta, 0))

describe('re-blocking', () => {
  it('gives the same object however the bytes are cut into chunks and reads', async () => {
    const total = fc.oneof(interesting, fc.integer({ min: 0, max: 11 * 1024 * 1024 }))
    const chunkSizes = fc.array(fc.oneof(interesting, fc.integer({ min: 1, max: PART_BYTES })), {
      minLength: 1,
      maxLength: 4,
    })
    const readSizes = fc.array(
      fc.oneof(
        fc.constantFrom(1000, 32 * 1024, READ_BYTES),
        fc.integer({ min: 997, max: 400_000 }),
      ),
      { minLength: 1, maxLength: 3 },
    )
    const property = fc.asyncProperty(
      total,
      chunkSizes,
      readSizes,
      fc.boolean(),
      async (length, chunks, reads, evict) => {
        await withStorage(async (storage) => {
          const bytes = SOURCE.subarray(0, length)
          const sizes = chunks.every((size) => size === 0) ? [length] : chunks
          let upload = begin(storage)
          // A small chunk over and over would make the case long without making it different.
          for (const chunk of mergedAfter(40, cut(bytes, sizes))) {
            expect(await upload.append(cut(chunk, reads))).toBe('complete')
            if (evict) upload = begin(storage, upload.store)
          }
          expect(upload.state.offset).toBe(length)
          const object = await upload.finish()
          expect(object !== undefined && sameBytes(object, bytes)).toBe(true)
          expect(upload.store.uploads.size).toBe(0)
          // The hash is only lost with the memory.
          expect(upload.store.log.includes('read')).toBe(evict && length >= PART_BYTES)
        })
      },
    )
    await fc.assert(property, { numRuns: 30 })
  })
})

/** The first pieces as they are, and the rest as one. */
function mergedAfter(count: number, pieces: readonly Uint8Array[]): Uint8Array[] {
  if (pieces.length <= count) return [...pieces]
  const rest = pieces.slice(count)
  const length = rest.reduce((sum, piece) => sum + piece.length, 0)
  const merged = new Uint8Array(length)
  let at = 0
  for (const piece of rest) {
    merged.set(piece, at)
    at += piece.length
  }
  return [...pieces.slice(0, count), merged]
}

describe('how a chunk ends', () => {
  const bytes = SOURCE.subarray(0, 300_000)
  it.each<[string, number, Error | undefined, Reception, number]>([
    ['with its body', NO_LIMIT, undefined, 'complete', 300_000],
    ['exactly at its limit', 300_000, undefined, 'complete', 300_000],
    ['past its limit: the rest is not taken', 299_999, undefined, 'excess', 299_999],
    ['where nothing was to come', 0, undefined, 'excess', 0],
  ])('%s', async (_, limit, failure, expected, offset) => {
    await withStorage(async (storage) => {
      const upload = begin(storage)
      expect(await upload.append(cut(bytes, [1000]), limit, failure)).toBe(expected)
      expect(upload.state.offset).toBe(offset)
      const resumed = begin(storage, upload.store)
      expect(await resumed.append([SOURCE.subarray(offset, 400_000)])).toBe('complete')
      const object = await resumed.finish()
      expect(object !== undefined && sameBytes(object, SOURCE.subarray(0, 400_000))).toBe(true)
    })
  })

  it('when the client goes away: all but the read that broke off is kept', async () => {
    await withStorage(async (storage) => {
      const upload = begin(storage)
      expect(await upload.append(cut(bytes, [1000]), NO_LIMIT, new Error('lost'))).toBe('cut off')
      const { offset } = upload.state
      expect(offset).toBeLessThanOrEqual(300_000)
      expect(offset).toBeGreaterThanOrEqual((300_000 * 4) / 5)
      const resumed = begin(storage, upload.store)
      expect(await resumed.append([SOURCE.subarray(offset, 400_000)])).toBe('complete')
      const object = await resumed.finish()
      expect(object !== undefined && sameBytes(object, SOURCE.subarray(0, 400_000))).toBe(true)
    })
  })

  it('takes no more when the session is ended', async () => {
    await withStorage(async (storage) => {
      const upload = begin(storage)
      const { readable, writable } = new IdentityTransformStream()
      const appended = upload.writer.append(readable, NO_LIMIT, 'sha256')
      const client = writable.getWriter()
      await client.write(bytes)
      upload.state.end()
      await upload.writer.stop()
      expect(await appended).toBe('stopped')
      expect(new SessionState(storage).tailLength).toBe(0)
    })
  })
})

describe('when a part cannot be written', () => {
  it.each([
    [1, 'before', 0],
    [2, 'before', PART_BYTES],
    [1, 'after', 0],
    [2, 'after', PART_BYTES],
  ] as const)('part %i, %s its effect: the upload resumes', async (part, when, offset) => {
    await withStorage(async (storage) => {
      const upload = begin(storage)
      let writes = 0
      upload.store[when] = (operation) => {
        if (operation === 'writePart' && ++writes === part) throw new Error('R2 is down')
      }
      const failing = upload.append(cut(SOURCE.subarray(0, 2 * PART_BYTES + 1000), [READ_BYTES]))
      await expect(failing).rejects.toThrow('R2 is down')
      expect(upload.state.offset).toBe(offset)
      const rest = SOURCE.subarray(offset)
      expect(await upload.append(cut(rest, [READ_BYTES]))).toBe('complete')
      const object = await upload.finish()
      expect(object !== undefined && sameBytes(object, SOURCE)).toBe(true)
    })
  })

  it.each(['before', 'after'] as const)(
    '%s its effect: closing with what is committed',
    async (when) => {
      await withStorage(async (storage) => {
        const upload = begin(storage)
        let writes = 0
        upload.store[when] = (operation) => {
          if (operation === 'writePart' && ++writes === 2) throw new Error('R2 is down')
        }
        await expect(upload.append([SOURCE.subarray(0, 2 * PART_BYTES)])).rejects.toThrow(
          'R2 is down',
        )
        const object = await upload.finish()
        expect(object !== undefined && sameBytes(object, SOURCE.subarray(0, PART_BYTES))).toBe(true)
      })
    },
  )

  it('keeps the tail that came before', async () => {
    await withStorage(async (storage) => {
      const upload = begin(storage)
      await upload.append([SOURCE.subarray(0, 100_000)])
      upload.store.before = () => {
        throw new Error('R2 is down')
      }
      await expect(upload.append([SOURCE.subarray(100_000, 2 * PART_BYTES)])).rejects.toThrow()
      expect(upload.state.offset).toBe(100_000)
      upload.store.before = () => undefined
      await upload.append([SOURCE.subarray(100_000, PART_BYTES + 1)])
      const object = await upload.finish()
      expect(object !== undefined && sameBytes(object, SOURCE.subarray(0, PART_BYTES + 1))).toBe(
        true,
      )
    })
  })
})

describe('the buffers of the pool', () => {
  it('are all given back, and none before its part is written, though another chunk fails', async () => {
    await withStorage(async (storage) => {
      const upload = begin(storage)
      upload.store.before = (operation) => {
        if (operation === 'writePart') throw new Error('R2 is down')
      }
      await expect(upload.append([SOURCE])).rejects.toThrow('R2 is down')
      await upload.append([SOURCE.subarray(0, 200_000)], 100_000)
    })
    expect(lendable()).toBe(BUFFERS_AT_MOST)
  })

  it('are enough for more uploads than they are', async () => {
    const uploads = Array.from({ length: 15 }, (_, index) =>
      withStorage(async (storage) => {
        const bytes = SOURCE.subarray(index * 1000, index * 1000 + PART_BYTES + 100_000)
        const upload = begin(storage)
        await upload.append(cut(bytes, [READ_BYTES]))
        const digest = await digestOf(bytes.slice())
        return completeUpload(upload.store, upload.state, upload.writer, digest)
      }),
    )
    expect(new Set(await Promise.all(uploads))).toEqual(new Set([true]))
  })
})

describe('a client that lets wait for its bytes', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it.each([
    ['in the first part', [100_000, 200_000]],
    ['in a small buffer', [1000, 100_000]],
    ['behind a part', [PART_BYTES + 100_000, PART_BYTES]],
    ['exactly at a part, again and again', [PART_BYTES, 600_000, 600_000, PART_BYTES]],
  ])('keeps no buffer meanwhile, and loses nothing: %s', async (_, sizes) => {
    await withStorage(async (storage) => {
      const upload = begin(storage)
      const { readable, writable } = new IdentityTransformStream()
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      const appended = upload.writer.append(readable, NO_LIMIT, 'sha256')
      const client = writable.getWriter()
      let sent = 0
      for (const size of sizes) {
        await client.write(SOURCE.subarray(sent, sent + size))
        sent += size
        await vi.waitUntil(() => vi.getTimerCount() > 0)
        await scheduler.wait(20)
        vi.advanceTimersByTime(60_000)
        await scheduler.wait(50)
        const { offset } = new SessionState(storage)
        expect(sent - offset).toBeGreaterThanOrEqual(0)
        expect(sent - offset).toBeLessThanOrEqual(Math.min(sent / 5, READ_BYTES))
        expect(lendable()).toBe(BUFFERS_AT_MOST)
      }
      await client.close()
      expect(await appended).toBe('complete')
      const object = await upload.finish()
      expect(object !== undefined && sameBytes(object, SOURCE.subarray(0, sent))).toBe(true)
    })
  })
})

/** How many buffers the pool would lend now. */
function lendable(): number {
  const lent = Array.from({ length: BUFFERS_AT_MOST }, () => partBuffers.tryAcquire())
  const buffers = lent.filter((buffer) => buffer !== undefined)
  for (const buffer of buffers) partBuffers.release(buffer)
  return buffers.length
}
