import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  BUFFERS_AT_MOST,
  LOST_MS,
  PART_BYTES,
  PartBuffers,
} from '../../src/uploads/part-buffers.ts'

async function emptied() {
  const pool = new PartBuffers()
  const lent = await Promise.all(Array.from({ length: BUFFERS_AT_MOST }, () => pool.acquire()))
  return { pool, lent }
}

describe('the pool', () => {
  it('takes less than half of the 128 MB that an isolate has', () => {
    expect(BUFFERS_AT_MOST * PART_BYTES).toBeLessThan(64_000_000)
  })

  it('makes a fixed number of part-sized buffers, each lent to one only', async () => {
    const { pool, lent } = await emptied()
    expect(new Set(lent).size).toBe(BUFFERS_AT_MOST)
    expect(lent.every((buffer) => buffer.length === PART_BYTES)).toBe(true)
    expect(pool.tryAcquire()).toBeUndefined()
  })

  it('lends a buffer again that was given back', async () => {
    const pool = new PartBuffers()
    const first = await pool.acquire()
    pool.release(first)
    expect(await pool.acquire()).toBe(first)
  })

  it('lets who finds none wait, before anybody gets a second one', async () => {
    const { pool, lent } = await emptied()
    let served = 0
    const waiting = Array.from({ length: 3 }, async () => {
      const buffer = await pool.acquire()
      served += 1
      return buffer
    })
    await scheduler.wait(50)
    expect(served).toBe(0)
    for (const buffer of lent) pool.release(buffer)
    expect(pool.tryAcquire()).toBeUndefined()
    expect(new Set(await Promise.all(waiting)).size).toBe(3)
    await scheduler.wait(150)
    expect(pool.tryAcquire()).toBeDefined()
  })
})

describe('buffers of who is gone', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('are replaced after a while, those that were renewed are not, and none is lent twice', async () => {
    const start = Date.UTC(2026, 0, 1)
    vi.useFakeTimers({ now: start, toFake: ['Date'] })
    const { pool, lent } = await emptied()
    vi.setSystemTime(start + LOST_MS)
    const [renewed, ...lost] = lent
    if (renewed === undefined) throw new Error('no buffer')
    pool.renew(renewed)
    vi.setSystemTime(start + LOST_MS + 1)
    const replaced = await Promise.all(lost.map(() => pool.acquire()))
    expect(replaced.some((buffer) => lent.includes(buffer))).toBe(false)
    vi.setSystemTime(start + LOST_MS + 10_000)
    expect(pool.tryAcquire()).toBeUndefined()
    // Who was not gone after all gives back what is nobody's.
    for (const buffer of lost) pool.release(buffer)
    expect(pool.tryAcquire()).toBeUndefined()
    pool.release(renewed)
    expect(pool.tryAcquire()).toBe(renewed)
  })
})
