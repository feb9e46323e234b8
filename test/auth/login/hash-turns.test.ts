/** Slow hashes take turns, so that other requests come between two of them. */
import { describe, expect, it } from 'vitest'
import { HashTurns } from '../../../src/auth/login/hash-turns.ts'

const NEVER_FOUND = () => false

describe('hashes that are asked for at once', () => {
  it('are computed one at a time, and the first without a wait', async () => {
    const turns = new HashTurns()
    let atOnce = 0
    let most = 0
    let begun = 0
    const compute = async () => {
      begun += 1
      atOnce += 1
      most = Math.max(most, atOnce)
      await scheduler.wait(5)
      atOnce -= 1
      return begun === 3
    }
    const all = Array.from({ length: 5 }, () => turns.take(compute, NEVER_FOUND))
    expect(begun).toBe(1)
    expect(await Promise.all(all)).toContain(true)
    expect(most).toBe(1)
    expect(begun).toBe(5)
  })

  it('leave time between two of them', async () => {
    const turns = new HashTurns()
    const gaps: number[] = []
    let ended = Number.NaN
    const compute = async () => {
      if (!Number.isNaN(ended)) gaps.push(Date.now() - ended)
      await scheduler.wait(50)
      ended = Date.now()
      return false
    }
    await Promise.all(Array.from({ length: 4 }, () => turns.take(compute, NEVER_FOUND)))
    expect(gaps).toHaveLength(3)
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(15)
  })

  it('are computed in the order in which they were asked for, whoever comes meanwhile', async () => {
    const turns = new HashTurns()
    const order: number[] = []
    const take = (login: number) =>
      turns.take(async () => {
        order.push(login)
        await scheduler.wait(5)
        return false
      }, NEVER_FOUND)
    const all = [0, 1, 2].map(take)
    for (const login of [3, 4, 5, 6]) {
      await scheduler.wait(7)
      all.push(take(login))
    }
    await Promise.all(all)
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6])
  })

  it('are refused if their turn does not come in time', async () => {
    const turns = new HashTurns(100)
    const first = turns.take(async () => {
      await scheduler.wait(300)
      return true
    }, NEVER_FOUND)
    const second = turns.take(() => Promise.reject(new Error('computed')), NEVER_FOUND)
    await expect(second).rejects.toMatchObject({ status: 503, headers: { 'Retry-After': '5' } })
    expect(await first).toBe(true)
  })

  it('are not computed if the answer was found meanwhile', async () => {
    const turns = new HashTurns()
    let isFound = false
    const first = turns.take(
      async () => {
        await scheduler.wait(30)
        isFound = true
        return true
      },
      () => isFound,
    )
    const second = turns.take(
      () => Promise.reject(new Error('computed')),
      () => isFound,
    )
    expect(await Promise.all([first, second])).toEqual([true, true])
  })

  it('continue after one that failed, and after one whose request is gone', async () => {
    const turns = new HashTurns()
    const failed = turns.take(() => Promise.reject(new Error('no memory')), NEVER_FOUND)
    await expect(failed).rejects.toThrow('no memory')
    turns.take(() => new Promise<boolean>(() => undefined), NEVER_FOUND).catch(() => undefined)
    expect(await turns.take(async () => true, NEVER_FOUND)).toBe(true)
  })
})
