import { describe, expect, it } from 'vitest'
import {
  afterFailure,
  type BreakerState,
  breakerDelaySeconds,
  CLOSED,
} from '../../../src/events/delivery/breaker.ts'

const START = 1_795_000_000_000

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
  ])('%i ms after it opened stays open for %i more seconds', (elapsed, seconds) => {
    expect(breakerDelaySeconds(failing(3, START), START + elapsed)).toBe(seconds)
  })

  it('is closed if nothing failed', () => {
    expect(breakerDelaySeconds(CLOSED, START)).toBe(0)
    expect(CLOSED).toEqual({ consecutiveFailures: 0, openUntil: null })
  })
})
