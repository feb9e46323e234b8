import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  type Buffer,
  BufferPool,
  PART_BYTES,
  PIECES_AT_MOST,
  SIZES,
  type Size,
} from '../../../src/store/bytes/buffer-pool.ts'

const PARTS_AT_MOST = 11

/** A pool, and all the buffers of a size that it lends. */
function emptied(size: Size): { pool: BufferPool; lent: Buffer[] } {
  const pool = new BufferPool()
  const lent = takeAll(pool, size)
  return { pool, lent }
}

function takeAll(pool: BufferPool, size: Size): Buffer[] {
  const lent: Buffer[] = []
  // A pool without an end would take all memory of the machine.
  while (lent.length < 2 * PIECES_AT_MOST) {
    const buffer = pool.tryAcquire(size)
    if (buffer === undefined) return lent
    lent.push(buffer)
    if (size === 'part' && lent.length > 2 * PARTS_AT_MOST) return lent
  }
  return lent
}

function costOf(buffers: readonly Buffer[]): number {
  return buffers.reduce((sum, { size }) => sum + SIZES[size].bytes + SIZES[size].view, 0)
}

afterEach(() => {
  vi.useRealTimers()
})

describe('the budget', () => {
  it('is less than half of the 128 MB of an isolate, including views', () => {
    const { pool, lent } = emptied('piece')
    expect(lent).toHaveLength(PIECES_AT_MOST)
    const all = [...lent, ...takeAll(pool, 'part')]
    expect(all.length - lent.length).toBeGreaterThanOrEqual(5)
    expect(costOf(all)).toBeLessThan(64_000_000)
  })

  it('gives a fixed number of part buffers, each to one holder', () => {
    const { pool, lent } = emptied('part')
    expect(new Set(lent).size).toBe(PARTS_AT_MOST)
    expect(lent.every(({ bytes }) => bytes.length === PART_BYTES)).toBe(true)
    expect(takeAll(pool, 'piece').length).toBeLessThan(PIECES_AT_MOST)
  })

  it('is shared: free buffers of one size make room for the other', () => {
    const { pool, lent } = emptied('part')
    for (const buffer of lent) pool.release(buffer)
    const pieces = takeAll(pool, 'piece')
    expect(pieces).toHaveLength(PIECES_AT_MOST)
    expect(costOf([...pieces, ...takeAll(pool, 'part')])).toBeLessThan(64_000_000)
    for (const piece of pieces) pool.release(piece)
    expect(takeAll(pool, 'part').length).toBeGreaterThan(4)
  })

  it('lends a returned buffer again', () => {
    const pool = new BufferPool()
    const first = pool.tryAcquire('part')
    if (first === undefined) throw new Error('no buffer')
    pool.release(first)
    expect(pool.tryAcquire('part')).toBe(first)
  })
})

describe('waiting uploads', () => {
  it('are served in the order in which they asked, and before later ones', async () => {
    const { pool, lent } = emptied('part')
    // Whoever waits looks every 10 ms: at some of these moments another one than the first looks next.
    for (let moment = 0; moment < 10; moment++) {
      const served: number[] = []
      const waiting = [0, 1, 2].map(async (index) => {
        await scheduler.wait(index * 3)
        const buffer = await pool.acquire('part', 5000)
        served.push(index)
        return buffer
      })
      await scheduler.wait(30 + moment)
      expect(served).toEqual([])
      for (const buffer of lent.splice(0, 3)) {
        pool.release(buffer)
        expect(pool.tryAcquire('part')).toBeUndefined()
        await scheduler.wait(25)
      }
      for (const buffer of await Promise.all(waiting)) if (buffer !== undefined) lent.push(buffer)
      expect(served).toEqual([0, 1, 2])
    }
    const [last] = lent
    if (last === undefined) throw new Error('no buffer')
    pool.release(last)
    expect(pool.tryAcquire('part')).toBe(last)
  })

  it('wait for a bounded time, and then do not block others', async () => {
    const { pool, lent } = emptied('piece')
    const start = Date.now()
    expect(await pool.acquire('piece', 100)).toBeUndefined()
    expect(Date.now() - start).toBeGreaterThanOrEqual(90)
    const [first] = lent
    if (first === undefined) throw new Error('no buffer')
    pool.release(first)
    expect(pool.tryAcquire('piece')).toBe(first)
  })

  it('are skipped when they stop asking', async () => {
    const { pool, lent } = emptied('part')
    const abandoned = pool.acquire('part', 60_000)
    // The waiter's clock stands still, as that of an object that was torn down.
    vi.useFakeTimers({ now: Date.now() + 1001, toFake: ['Date'] })
    const [first] = lent
    if (first === undefined) throw new Error('no buffer')
    pool.release(first)
    const taken = pool.tryAcquire('part')
    expect(taken).toBe(first)
    pool.release(first)
    expect(await abandoned).toBe(first)
  })
})

describe('buffers whose holder is gone', () => {
  it('are replaced unless they were renewed, and none is lent twice', () => {
    const start = Date.UTC(2026, 0, 1)
    vi.useFakeTimers({ now: start, toFake: ['Date'] })
    const { pool, lent } = emptied('part')
    const [renewed, ...lost] = lent
    if (renewed === undefined) throw new Error('no buffer')
    vi.setSystemTime(start + 15_000)
    pool.renew(renewed)
    vi.setSystemTime(start + 15_001)
    const replaced = takeAll(pool, 'part')
    expect(replaced).toHaveLength(lost.length)
    expect(replaced.some((buffer) => lent.includes(buffer))).toBe(false)
    // A holder that was not gone after all gives back what nobody gets again.
    for (const buffer of lost) pool.release(buffer)
    expect(pool.tryAcquire('part')).toBeUndefined()
    pool.release(renewed)
    expect(pool.tryAcquire('part')).toBe(renewed)
  })
})

it('a view is lent again after it was returned, and created again if a read lost it', () => {
  const pool = new BufferPool()
  const buffer = pool.tryAcquire('piece')
  const view = pool.takeView('piece')
  expect(view).toHaveLength(SIZES.piece.view)
  pool.releaseView('piece', view)
  expect(pool.takeView('piece')).toBe(view)
  expect(pool.takeView('piece')).not.toBe(view)
  expect(buffer).toBeDefined()
})
