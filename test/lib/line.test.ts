/** A line serves its requests in the order in which they asked. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Line } from '../../src/lib/line.ts'

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('requests in a line', () => {
  it('ask less often, the more wait before them', async () => {
    const wait = vi.spyOn(scheduler, 'wait')
    const line = new Line()
    const waiting = Array.from({ length: 400 }, () => line.wait(300, () => undefined))
    const pauses = wait.mock.calls.map(([ms]) => ms)
    expect(pauses.slice(0, 9)).toEqual([10, 10, 10, 10, 10, 10, 10, 10, 20])
    expect(pauses.slice(-100)).toEqual(Array(100).fill(250))
    await Promise.all(waiting)
  })

  it('are served one after the other, in their order', async () => {
    const line = new Line()
    const served: number[] = []
    let isFree = false
    const take = (request: number) => () => {
      if (!isFree) return undefined
      served.push(request)
      return request
    }
    const waiting = Array.from({ length: 20 }, (_, request) => line.wait(5000, take(request)))
    expect(line.isEmpty).toBe(false)
    await scheduler.wait(50)
    expect(served).toEqual([])
    isFree = true
    await Promise.all(waiting)
    expect(served).toEqual(Array.from({ length: 20 }, (_, request) => request))
    expect(line.isEmpty).toBe(true)
  })

  it('leave it when their time is over, and when their turn throws', async () => {
    const line = new Line()
    expect(await line.wait(50, () => undefined)).toBeUndefined()
    const failing = line.wait(1000, () => {
      throw new Error('broken')
    })
    await expect(failing).rejects.toThrow('broken')
    expect(line.isEmpty).toBe(true)
  })

  it('lose their place when they stop asking', async () => {
    const line = new Line()
    // A request that was torn down never asks again.
    vi.spyOn(scheduler, 'wait').mockReturnValueOnce(new Promise(() => undefined))
    line.wait(60_000, () => 'gone').catch(() => undefined)
    expect(line.isEmpty).toBe(false)
    expect(await line.wait(5000, () => 'served')).toBe('served')
  })
})
