/** The decision about a delivery, as a table: tried now or not, and what follows. */
import { describe, expect, it } from 'vitest'
import { CLOSED } from '../../../src/events/delivery/breaker.ts'
import type { Attempt } from '../../../src/events/delivery/deliver.ts'
import { isTriedNow, nextStep, type TurnState } from '../../../src/events/delivery/next-step.ts'
import { Random } from '../../support/random.ts'

const START = 1_795_000_000_000
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const ALMOST_ONE = 1 - Number.EPSILON

const TURN: TurnState = {
  endpoint: { disabled: false, timeoutMs: 5000 },
  breaker: CLOSED,
  failedMs: 0,
  end: START + 10_000,
}
const DISABLED: TurnState = { ...TURN, endpoint: { ...TURN.endpoint, disabled: true } }
const FAILED: TurnState = { ...TURN, breaker: { consecutiveFailures: 1, openUntil: null } }
/** Open for 61 seconds. */
const OPEN: TurnState = {
  ...TURN,
  breaker: { consecutiveFailures: 10, openUntil: START + 60_500 },
}

const SUCCESS: Attempt = { status: 200, ms: 5, error: null, excerpt: null }
const FAILURE: Attempt = { status: 503, ms: 5, error: 'the answer is 503', excerpt: null }

interface Given {
  turn?: TurnState
  attempt?: Attempt | null
  attempts?: number
  waits?: number
  /** Milliseconds since the delivery began. */
  age?: number
  error?: string | null
  retryForMs?: number
  random?: number
}

function step(given: Given) {
  const { turn = TURN, attempt = null, attempts = 1, waits = 1, age = 0, random = 0 } = given
  const { error = attempt?.error ?? null, retryForMs = DAY_MS } = given
  const progress = { delivery: { attempts, firstAt: START - age, error }, waits }
  return nextStep(turn, progress, attempt, { now: START, retryForMs }, random)
}

function again(seconds: number) {
  return { kind: 'again', seconds }
}

describe('a delivery is tried now', () => {
  it.each<[string, TurnState, number, boolean]>([
    ['in the fast lane, where the endpoint is well', TURN, 0, true],
    ['in the slow lane, where the endpoint is well', TURN, 1, true],
    ['in the fast lane, where the last attempt failed', FAILED, 0, false],
    ['in the slow lane, where the last attempt failed', FAILED, 1, true],
    ['while the breaker is open', OPEN, 1, false],
    [
      'after the breaker was open',
      { ...OPEN, breaker: { consecutiveFailures: 10, openUntil: START } },
      1,
      true,
    ],
    ['where the endpoint is disabled', DISABLED, 1, false],
    ['a moment before failures took one timeout', { ...TURN, failedMs: 4999 }, 1, true],
    ['after failures took one timeout', { ...TURN, failedMs: 5000 }, 1, false],
    ['a moment before the turn is over', { ...TURN, end: START + 1 }, 0, true],
    ['after the turn is over', { ...TURN, end: START }, 0, false],
  ])('%s', (_, turn, waits, isTried) => {
    expect(isTriedNow(turn, waits, START)).toBe(isTried)
  })
})

describe('after an attempt', () => {
  it.each<[string, Given, object]>([
    ['a success is delivered', { attempt: SUCCESS }, { kind: 'delivered' }],
    ['a late success is delivered', { attempt: SUCCESS, age: 2 * DAY_MS }, { kind: 'delivered' }],
    ['a failure waits', { attempt: FAILURE, random: ALMOST_ONE }, again(10)],
    [
      'a third failure waits longer',
      { attempt: FAILURE, attempts: 3, random: ALMOST_ONE },
      again(40),
    ],
    ['a failure waits for the breaker', { attempt: FAILURE, turn: OPEN }, again(61)],
    [
      'a failure waits longer than the breaker',
      { attempt: FAILURE, turn: OPEN, attempts: 9, random: ALMOST_ONE },
      again(2560),
    ],
    ['a failure has the operator’s pace', { attempt: FAILURE, retryForMs: 7 * DAY_MS }, again(7)],
    ['but the breaker has its own', { attempt: FAILURE, turn: OPEN, retryForMs: 1000 }, again(61)],
    [
      'a failure is given up when its time is over',
      { attempt: FAILURE, age: HOUR_MS, retryForMs: HOUR_MS },
      { kind: 'given up', error: 'the answer is 503' },
    ],
    [
      'a first attempt that outlasted all the time is followed by another one',
      { attempt: FAILURE, waits: 0, age: 5000, retryForMs: 1000 },
      again(0),
    ],
  ])('%s', (_, given, expected) => {
    expect(step(given)).toEqual(expected)
  })

  it.each<[number, boolean]>([
    [0, false],
    [DAY_MS - 1, false],
    [DAY_MS, true],
    [25 * HOUR_MS, true],
  ])('a failure %i ms after the first one is given up: %s', (age, isGivenUp) => {
    expect(step({ attempt: FAILURE, attempts: 3, age }).kind === 'given up').toBe(isGivenUp)
  })

  it('a delivery is tried for 24 to 25 hours, and at most the 100 times that a queue allows', () => {
    for (let seed = 0; seed < 500; seed += 1) {
      const random = new Random(seed)
      let [attempts, age] = [0, 0]
      while (attempts < 200) {
        attempts += 1
        const draw = random.below(2 ** 20) / 2 ** 20
        const next = step({ attempt: FAILURE, attempts, age, random: draw })
        if (next.kind !== 'again') break
        age += next.seconds * 1000
      }
      expect(age).toBeGreaterThanOrEqual(DAY_MS)
      expect(age).toBeLessThan(25 * HOUR_MS)
      expect(attempts).toBeLessThan(100)
    }
  })
})

describe('without an attempt', () => {
  it.each<[string, Given, object]>([
    [
      'a delivery to a disabled endpoint is given up',
      { turn: DISABLED },
      { kind: 'given up', error: 'the endpoint is disabled' },
    ],
    [
      'the last error stands behind the reason',
      { turn: DISABLED, error: 'the answer is 500' },
      { kind: 'given up', error: 'the endpoint is disabled; before that: the answer is 500' },
    ],
    [
      'a delivery is given up where its time ends with the breaker open',
      { turn: OPEN, age: DAY_MS },
      { kind: 'given up', error: 'the endpoint kept failing' },
    ],
    ['a delivery waits for the breaker', { turn: OPEN, age: DAY_MS - 1 }, again(61)],
    ['a delivery has its last attempt though its time is over', { age: 2 * DAY_MS }, again(1)],
    ['a delivery waits longer each time', { waits: 3, random: ALMOST_ONE }, again(40)],
    [
      'the fast lane waits as after a first attempt',
      { turn: FAILED, waits: 0, random: ALMOST_ONE },
      again(10),
    ],
    [
      'the fast lane hands over at once what a slow endpoint left',
      { waits: 0, random: ALMOST_ONE },
      again(0),
    ],
  ])('%s', (_, given, expected) => {
    expect(step(given)).toEqual(expected)
  })
})
