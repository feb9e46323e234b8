import { describe, expect, it } from 'vitest'
import {
  delayBoundSeconds,
  delaySeconds,
  RETRY_FOR_MS,
} from '../../../src/events/delivery/retry-schedule.ts'

const ALMOST_ONE = 1 - Number.EPSILON

function delay(attempts: number, random: number): number {
  return delaySeconds(attempts, RETRY_FOR_MS, random)
}

describe('the delay after a failed attempt', () => {
  it.each<[number, number]>([
    [1, 10],
    [2, 20],
    [3, 40],
    [4, 80],
    [5, 160],
    [6, 320],
    [7, 640],
    [8, 1280],
    [9, 2560],
    [10, 3600],
    [11, 3600],
    [100, 3600],
    [5000, 3600],
  ])('number %i is 1 to %i seconds', (attempts, bound) => {
    expect(delayBoundSeconds(attempts)).toBe(bound)
    expect(delay(attempts, 0)).toBe(1)
    expect(delay(attempts, 0.5)).toBe(bound / 2 + 1)
    expect(delay(attempts, ALMOST_ONE)).toBe(bound)
  })

  it('is random by default', () => {
    const own = Array.from({ length: 100 }, () => delaySeconds(10, RETRY_FOR_MS))
    expect(new Set(own).size).toBeGreaterThan(50)
    expect(own.every((seconds) => seconds >= 1 && seconds <= 3600)).toBe(true)
  })

  it.each<[number, number, number]>([
    [RETRY_FOR_MS / 2, 0, 1],
    [RETRY_FOR_MS / 2, ALMOST_ONE, 1800],
    [RETRY_FOR_MS / 100, ALMOST_ONE, 36],
    [RETRY_FOR_MS * 7, 0, 7],
    [RETRY_FOR_MS * 7, ALMOST_ONE, 25_200],
    [1000, ALMOST_ONE, 1],
  ])('of a schedule of %i ms, at %d of its bound, is %i seconds', (retryForMs, random, seconds) => {
    expect(delaySeconds(10, retryForMs, random)).toBe(seconds)
  })
})
