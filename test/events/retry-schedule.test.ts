import { describe, expect, it } from 'vitest'
import {
  afterFailure,
  type BreakerState,
  breakerDelaySeconds,
  CLOSED,
  delayBoundSeconds,
  postponeSeconds,
  retryDelaySeconds,
} from '../../src/events/retry-schedule.ts'
import { Random } from '../support/random.ts'

const START = 1_795_000_000_000
const HOUR_MS = 3_600_000
const ALMOST_ONE = 1 - Number.EPSILON

function delay(attempts: number, random: number, breaker: BreakerState = CLOSED): number | null {
  return retryDelaySeconds({ attempts, firstAttemptAt: START, now: START, breaker }, random)
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

  it('is random by itself', () => {
    const delays = new Set(Array.from({ length: 100 }, () => delay(10, Math.random())))
    expect(delays.size).toBeGreaterThan(50)
    const own = Array.from({ length: 100 }, () => postponeSeconds(10, CLOSED, START))
    expect(new Set(own).size).toBeGreaterThan(50)
    expect(own.every((seconds) => seconds >= 1 && seconds <= 3600)).toBe(true)
  })

  it('is not shorter than the breaker stays open', () => {
    const breaker = { consecutiveFailures: 10, openUntil: START + 60_500 }
    expect(delay(1, 0, breaker)).toBe(61)
    expect(delay(9, ALMOST_ONE, breaker)).toBe(2560)
    expect(postponeSeconds(1, breaker, START, 0)).toBe(61)
    expect(postponeSeconds(9, breaker, START, ALMOST_ONE)).toBe(2560)
  })
})

describe('a delivery that keeps failing', () => {
  it.each<[number, boolean]>([
    [0, false],
    [24 * HOUR_MS - 1, false],
    [24 * HOUR_MS, true],
    [25 * HOUR_MS, true],
  ])('is given up %i ms after its first attempt: %s', (elapsed, given) => {
    const now = START + elapsed
    const failure = { attempts: 3, firstAttemptAt: START, now, breaker: CLOSED }
    expect(retryDelaySeconds(failure, 0) === null).toBe(given)
  })

  it('is tried for 24 to 25 hours, and within the 100 times that a queue allows', () => {
    for (let seed = 0; seed < 500; seed += 1) {
      const random = new Random(seed)
      let [attempts, now] = [0, START]
      while (attempts < 200) {
        attempts += 1
        const failure = { attempts, firstAttemptAt: START, now, breaker: CLOSED }
        const seconds = retryDelaySeconds(failure, random.below(2 ** 20) / 2 ** 20)
        if (seconds === null) break
        now += seconds * 1000
      }
      expect(now - START).toBeGreaterThanOrEqual(24 * HOUR_MS)
      expect(now - START).toBeLessThan(25 * HOUR_MS)
      expect(attempts).toBeLessThan(100)
    }
  })
})

describe('the breaker', () => {
  const limits = { threshold: 3, backoffMs: 60_000 }

  function failing(failures: number, now: number): BreakerState {
    return Array.from({ length: failures }).reduce<BreakerState>(
      (state) => afterFailure(state, limits, now),
      CLOSED,
    )
  }

  it.each<[number, number | null]>([
    [1, null],
    [2, null],
    [3, START + 60_000],
    [4, START + 60_000],
  ])('after %i failures in a row is open until %s', (failures, openUntil) => {
    expect(failing(failures, START)).toEqual({ consecutiveFailures: failures, openUntil })
  })

  it('opens again after each further failure', () => {
    const later = START + 61_000
    expect(afterFailure(failing(3, START), limits, later).openUntil).toBe(later + 60_000)
  })

  it.each<[number, number]>([
    [0, 60],
    [1, 60],
    [59_000, 1],
    [59_999, 1],
    [60_000, 0],
    [90_000, 0],
  ])('%i ms after it opened keeps the endpoint for %i more seconds', (elapsed, seconds) => {
    expect(breakerDelaySeconds(failing(3, START), START + elapsed)).toBe(seconds)
  })

  it('is closed where nothing failed', () => {
    expect(breakerDelaySeconds(CLOSED, START)).toBe(0)
    expect(CLOSED).toEqual({ consecutiveFailures: 0, openUntil: null })
  })
})
