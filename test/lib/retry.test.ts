import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { withRetries } from '../../src/lib/retry.ts'

const passes = (error: unknown) => error instanceof Error && error.message === 'passing'

let waits: number[]

beforeEach(() => {
  waits = []
  vi.spyOn(scheduler, 'wait').mockImplementation(
    async (milliseconds) => void waits.push(milliseconds),
  )
})

afterEach(() => {
  vi.restoreAllMocks()
})

/** Work that fails so many times, and how often it was tried. */
function work(failures: number, message = 'passing') {
  const tried = { times: 0 }
  const run = async () => {
    tried.times += 1
    if (tried.times <= failures) throw new Error(message)
    return 'done'
  }
  return { tried, run }
}

describe('withRetries', () => {
  it.each([0, 1, 2])('succeeds after %i passing errors', async (failures) => {
    const { tried, run } = work(failures)
    expect(await withRetries(run, passes)).toBe('done')
    expect(tried.times).toBe(failures + 1)
    expect(waits).toHaveLength(failures)
  })

  it('throws the third error, and does not wait after it', async () => {
    const { tried, run } = work(3)
    await expect(withRetries(run, passes)).rejects.toThrow('passing')
    expect(tried.times).toBe(3)
    expect(waits).toHaveLength(2)
  })

  it('throws other errors at once', async () => {
    const { tried, run } = work(1, 'no such table')
    await expect(withRetries(run, passes)).rejects.toThrow('no such table')
    expect(tried.times).toBe(1)
  })

  it('waits longer each time, by a random time', async () => {
    const seen = new Set<number>()
    for (let round = 0; round < 50; round++) {
      waits = []
      await withRetries(work(2).run, passes)
      const [first = 0, second = 0] = waits
      expect(first).toBeGreaterThanOrEqual(25)
      expect(first).toBeLessThan(75)
      expect(second).toBeGreaterThanOrEqual(100)
      expect(second).toBeLessThan(300)
      seen.add(first)
    }
    expect(seen.size).toBeGreaterThan(10)
  })
})
