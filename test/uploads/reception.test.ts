import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { digestOf } from '../../src/oci/digest.ts'
import { type Buffer, BufferPool, PART_BYTES, SIZES } from '../../src/store/bytes/buffer-pool.ts'
import { completeUpload } from '../../src/uploads/complete.ts'
import { PartPipeline } from '../../src/uploads/part-pipeline.ts'
import { Reception, type ReceptionOutcome } from '../../src/uploads/reception.ts'
import { SessionState } from '../../src/uploads/session-state.ts'
import { randomBytes } from '../support/registry.ts'
import { bodyOf, cut, HeldStore, MemoryBlobStore, sameBytes, withStorage } from './support.ts'

const SOURCE = randomBytes(3 * PART_BYTES)
const NO_LIMIT = Number.POSITIVE_INFINITY
const READ_BYTES = SIZES.part.view
const PIECE_BYTES = SIZES.piece.bytes

interface Upload {
  store: MemoryBlobStore
  state: SessionState
  pool: BufferPool
  /** The chunk that was received last, or is being received. */
  reception: Reception
  append(pieces: readonly Uint8Array[], limit?: number, failure?: Error): Promise<ReceptionOutcome>
  receive(body: ReadableStream<Uint8Array>, limit?: number): Promise<ReceptionOutcome>
  finish(): Promise<Uint8Array | undefined>
}

/** An upload in its own storage; called again, it goes on with nothing but what is durable. */
function begin(
  storage: DurableObjectStorage,
  store = new MemoryBlobStore(),
  pool = new BufferPool(),
): Upload {
  const state = new SessionState(storage)
  if (state.phase === 'none') state.open('key')
  const pipeline = new PartPipeline(store, state)
  const newReception = () => new Reception({ pool, state, pipeline, algorithm: 'sha256' })
  const upload: Upload = {
    store,
    state,
    pool,
    reception: newReception(),
    append: (pieces, limit, failure) => upload.receive(bodyOf(pieces, failure), limit),
    receive: (body, limit = NO_LIMIT) => {
      upload.reception = newReception()
      return upload.reception.run(body, limit)
    },
    finish: async () => {
      const digest = await digestOf(SOURCE.slice(0, state.offset))
      state.finish(digest)
      const completion = await completeUpload(store, state, pipeline, digest)
      return completion === 'complete' ? store.objects.get('key') : undefined
    },
  }
  return upload
}

/** Sizes at which something happens, and those around them. */
const interesting = fc
  .tuple(
    fc.constantFrom(0, PIECE_BYTES, READ_BYTES, 1024 * 1024, PART_BYTES, 2 * PART_BYTES),
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
            if (evict) upload = begin(storage, upload.store, upload.pool)
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
  it.each<[string, number, Error | undefined, ReceptionOutcome, number]>([
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

  it('when the client disconnects: all received bytes are kept, except the broken read of a fast client', async () => {
    for (const length of [PIECE_BYTES - 1, 300_000, PART_BYTES + 300_000]) {
      await withStorage(async (storage) => {
        const upload = begin(storage)
        const pieces = cut(SOURCE.subarray(0, length), [1000])
        expect(await upload.append(pieces, NO_LIMIT, new Error('lost'))).toBe('cut off')
        const { offset } = upload.state
        const lost = length < PIECE_BYTES ? 0 : Math.min(length / 5, READ_BYTES)
        expect(offset).toBeLessThanOrEqual(length)
        expect(offset).toBeGreaterThanOrEqual(length - lost)
        const resumed = begin(storage, upload.store)
        expect(await resumed.append([SOURCE.subarray(offset)])).toBe('complete')
        const object = await resumed.finish()
        expect(object !== undefined && sameBytes(object, SOURCE)).toBe(true)
      })
    }
  })

  it('when it is interrupted: received bytes are durable, and no buffer is kept', async () => {
    await withStorage(async (storage) => {
      const upload = begin(storage)
      const { readable, writable } = new IdentityTransformStream()
      const appended = upload.receive(readable)
      await writable.getWriter().write(bytes)
      await scheduler.wait(10)
      upload.reception.interrupt()
      expect(await appended).toBe('interrupted')
      expect(new SessionState(storage).offset).toBe(upload.state.offset)
      expect(bytes.length - upload.state.offset).toBeLessThanOrEqual(READ_BYTES)
      expectAllFree(upload.pool)
    })
  })

  it('when the upload is ended: nothing more is kept', async () => {
    await withStorage(async (storage) => {
      const upload = begin(storage)
      const { readable, writable } = new IdentityTransformStream()
      const appended = upload.receive(readable)
      await writable.getWriter().write(bytes.subarray(0, 1000))
      upload.state.end()
      upload.reception.interrupt()
      expect(await appended).toBe('ended')
      expect(new SessionState(storage).tailLength).toBe(0)
      expectAllFree(upload.pool)
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

  it('the earlier tail is kept', async () => {
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

describe('buffers', () => {
  it('are all returned, even if a part cannot be written', async () => {
    await withStorage(async (storage) => {
      const upload = begin(storage)
      upload.store.before = (operation) => {
        if (operation === 'writePart') throw new Error('R2 is down')
      }
      await expect(upload.append([SOURCE])).rejects.toThrow('R2 is down')
      expectAllFree(upload.pool)
      await upload.append([SOURCE.subarray(0, 200_000)], 100_000)
      expectAllFree(upload.pool)
    })
  })

  it('are enough for more fast uploads than there are part buffers', async () => {
    const pool = new BufferPool()
    const uploads = Array.from({ length: 15 }, (_, index) =>
      withStorage(async (storage) => {
        const bytes = SOURCE.subarray(index * 1000, index * 1000 + PART_BYTES + 100_000)
        const upload = begin(storage, new MemoryBlobStore(), pool)
        await upload.append(cut(bytes, [READ_BYTES]))
        upload.state.finish(await digestOf(bytes.slice()))
        const pipeline = new PartPipeline(upload.store, upload.state)
        return completeUpload(upload.store, upload.state, pipeline, await digestOf(bytes.slice()))
      }),
    )
    expect(new Set(await Promise.all(uploads))).toEqual(new Set(['complete']))
    expectAllFree(pool)
  })

  it('that are reused leave each upload its own bytes', async () => {
    const pool = new BufferPool()
    // One part buffer for all: it changes hands while bytes of a read are still to be taken.
    for (const buffer of takeAll(pool, 'part').slice(0, 1)) pool.release(buffer)
    const uploads = Array.from({ length: 6 }, (_, index) =>
      withStorage(async (storage) => {
        const bytes = SOURCE.slice(index * 1000, index * 1000 + 2 * PART_BYTES + 300_000)
        const upload = begin(storage, new MemoryBlobStore(), pool)
        expect(await upload.append(cut(bytes, [99_991]))).toBe('complete')
        const digest = await digestOf(bytes)
        upload.state.finish(digest)
        const pipeline = new PartPipeline(upload.store, upload.state)
        return completeUpload(upload.store, upload.state, pipeline, digest)
      }),
    )
    expect(new Set(await Promise.all(uploads))).toEqual(new Set(['complete']))
  })

  it('of a part are not needed: without one, the bytes go through the durable tail', async () => {
    await withStorage(async (storage) => {
      const upload = begin(storage)
      const taken = takeAll(upload.pool, 'part')
      expect(await upload.append(cut(SOURCE.subarray(0, 2 * PART_BYTES + 1000), [50_000]))).toBe(
        'complete',
      )
      expect(upload.state.partCount).toBe(2)
      for (const buffer of taken) upload.pool.release(buffer)
      const object = await upload.finish()
      expect(
        object !== undefined && sameBytes(object, SOURCE.subarray(0, 2 * PART_BYTES + 1000)),
      ).toBe(true)
      // The hash went on through the tail, so the object is not read back.
      expect(upload.store.log).not.toContain('read')
    })
  })

  it('of a part may run out in the middle of a fast upload: its parts in flight are stored before its tail', async () => {
    await withStorage(async (storage) => {
      const store = new HeldStore()
      const upload = begin(storage, store)
      // Two are left, and somebody waits for the first that comes back.
      for (const buffer of takeAll(upload.pool, 'part').slice(0, 2)) upload.pool.release(buffer)
      const sent = 2 * PART_BYTES + 3 * PIECE_BYTES
      const appended = upload.append(cut(SOURCE.subarray(0, sent), [READ_BYTES]))
      while (store.held.size < 2) await scheduler.wait(5)
      const waiting = upload.pool.acquire('part', 60_000)
      await scheduler.wait(30)
      store.held.get(1)?.resolve()
      await waiting
      // The second part is written when the client has gone on for long.
      await scheduler.wait(2000)
      store.held.get(2)?.resolve()
      expect(await appended).toBe('complete')
      expect([upload.state.partCount, upload.state.offset]).toEqual([2, sent])
      store.holds = false
      const object = await upload.finish()
      expect(object !== undefined && sameBytes(object, SOURCE.subarray(0, sent))).toBe(true)
    })
  })

  it('of a piece are needed: without one, a chunk is refused after a while', async () => {
    await withStorage(async (storage) => {
      const upload = begin(storage)
      takeAll(upload.pool, 'piece')
      const start = Date.now()
      expect(await upload.append([SOURCE.subarray(0, 1000)])).toBe('crowded')
      expect(Date.now() - start).toBeLessThan(15_000)
      expect(upload.state.offset).toBe(0)
    })
  })
})

describe('a slow client', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('never holds a part buffer: its pieces go to the tail, and full tails to the store', async () => {
    await withStorage(async (storage) => {
      const upload = begin(storage)
      const tryAcquire = vi.spyOn(upload.pool, 'acquire')
      vi.useFakeTimers({ toFake: ['Date'] })
      const { readable, writable } = new IdentityTransformStream()
      const appended = upload.receive(readable)
      const client = writable.getWriter()
      const sent = PART_BYTES + 2 * PIECE_BYTES
      for (let at = 0; at < sent; at += PIECE_BYTES / 2) {
        // 128 KiB in 2 seconds.
        vi.setSystemTime(Date.now() + 1000)
        await client.write(SOURCE.subarray(at, at + PIECE_BYTES / 2))
        await scheduler.wait(1)
      }
      await client.close()
      expect(await appended).toBe('complete')
      expect(tryAcquire.mock.calls.map(([size]) => size)).not.toContain('part')
      expect(upload.state.partCount).toBe(1)
      const object = await upload.finish()
      expect(object !== undefined && sameBytes(object, SOURCE.subarray(0, sent))).toBe(true)
    })
  })

  it.each([
    ['in the first piece', [100_000, 200_000]],
    ['with a part buffer', [1_000_000, 100_000]],
    ['behind a part', [PART_BYTES + 100_000, PART_BYTES]],
    ['exactly at a part, again and again', [PART_BYTES, 600_000, 600_000, PART_BYTES]],
  ])('that goes silent keeps no buffer, and loses nothing: %s', async (_, sizes) => {
    await withStorage(async (storage) => {
      const upload = begin(storage)
      const { readable, writable } = new IdentityTransformStream()
      vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] })
      const appended = upload.receive(readable)
      const client = writable.getWriter()
      let sent = 0
      for (const size of sizes) {
        await client.write(SOURCE.subarray(sent, sent + size))
        sent += size
        await scheduler.wait(20)
        for (let second = 0; second < 15; second++) {
          vi.advanceTimersByTime(1000)
          await scheduler.wait(2)
        }
        await scheduler.wait(30)
        const { offset } = new SessionState(storage)
        expect(sent - offset).toBeGreaterThanOrEqual(0)
        expect(sent - offset).toBeLessThanOrEqual(Math.min(sent / 5, READ_BYTES))
        expectAllFree(upload.pool)
      }
      await client.close()
      expect(await appended).toBe('complete')
      const object = await upload.finish()
      expect(object !== undefined && sameBytes(object, SOURCE.subarray(0, sent))).toBe(true)
    })
  })

  it('that sends a byte now and then does not keep a buffer from those who wait', async () => {
    const pool = new BufferPool()
    for (const buffer of takeAll(pool, 'piece').slice(0, 1)) pool.release(buffer)
    await withStorage(async (storage) => {
      const slow = begin(storage, new MemoryBlobStore(), pool)
      const { readable, writable } = new IdentityTransformStream()
      const appended = slow.receive(readable)
      const client = writable.getWriter()
      let sent = 0
      const dripping = (async () => {
        for (; sent < 14; sent++) {
          await client.write(SOURCE.subarray(sent, sent + 1))
          await scheduler.wait(300)
        }
        await client.close()
      })()
      await scheduler.wait(500)
      await withStorage(async (other) => {
        const start = Date.now()
        const waiting = begin(other, new MemoryBlobStore(), pool)
        expect(await waiting.append([SOURCE.subarray(0, 1000)])).toBe('complete')
        expect(Date.now() - start).toBeLessThan(5000)
        expect(sent).toBeLessThan(14)
      })
      await dripping
      expect(await appended).toBe('complete')
      expect(new SessionState(storage).offset).toBe(14)
      const object = await slow.finish()
      expect(object !== undefined && sameBytes(object, SOURCE.subarray(0, 14))).toBe(true)
    })
  })

  it('that is silent for minutes is disconnected', async () => {
    await withStorage(async (storage) => {
      const upload = begin(storage)
      const { readable, writable } = new IdentityTransformStream()
      vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] })
      const appended = upload.receive(readable)
      await writable.getWriter().write(SOURCE.subarray(0, 1000))
      await scheduler.wait(20)
      vi.advanceTimersByTime(6 * 60_000)
      expect(await appended).toBe('cut off')
      expect(new SessionState(storage).offset).toBe(1000)
    })
  })
})

function takeAll(pool: BufferPool, size: 'part' | 'piece'): Buffer[] {
  const buffer = pool.tryAcquire(size)
  return buffer === undefined ? [] : [buffer, ...takeAll(pool, size)]
}

/** Whether the pool lends all the part buffers that it has. */
function expectAllFree(pool: BufferPool): void {
  const lent = takeAll(pool, 'part')
  expect(lent).toHaveLength(11)
  for (const buffer of lent) pool.release(buffer)
}
