/**
 * The decision about a delivery, for both lanes: whether it is tried now, and what happens to it after an attempt or without one. The
 * functions are pure; a turn (turn.ts) carries out what they decide. Times are milliseconds since 1970.
 */
import type { Delivery } from '../../store/events/deliveries.ts'
import type { Endpoint } from '../webhooks/endpoint.ts'
import { type BreakerState, breakerDelaySeconds } from './breaker.ts'
import type { Attempt } from './deliver.ts'
import { delaySeconds } from './retry-schedule.ts'

export type NextStep =
  | { kind: 'delivered' }
  | { kind: 'again'; seconds: number }
  | { kind: 'given up'; error: string }

/** What a turn knows of its endpoint. */
export interface TurnState {
  endpoint: Pick<Endpoint, 'disabled' | 'timeoutMs'>
  /** With the last attempt in it. */
  breaker: BreakerState
  /** Milliseconds that the failed attempts of this turn took. */
  failedMs: number
  /** No attempt begins after this time. */
  end: number
}

/** A delivery so far. After an attempt, that attempt is in it. */
export interface Progress {
  delivery: Pick<Delivery, 'attempts' | 'firstAt' | 'error'>
  /** How often its message came in the slow lane; 0 in the fast lane. */
  waits: number
}

export interface Clock {
  now: number
  /** A delivery is tried again for this long. */
  retryForMs: number
}

/**
 * Whether the delivery is tried now. The fast lane does not wait for an endpoint whose last attempt failed. In the slow lane an endpoint
 * is tried until its failures have taken one timeout.
 */
export function isTriedNow(
  { endpoint, breaker, failedMs, end }: TurnState,
  waits: number,
  now: number,
): boolean {
  if (endpoint.disabled || now >= end || failedMs >= endpoint.timeoutMs) return false
  if (waits === 0 && breaker.consecutiveFailures > 0) return false
  return breakerDelaySeconds(breaker, now) === 0
}

/** What happens after this attempt; `attempt` is null where the delivery was not tried. */
export function nextStep(
  turn: TurnState,
  progress: Progress,
  attempt: Attempt | null,
  clock: Clock,
  random: number = Math.random(),
): NextStep {
  return attempt === null
    ? withoutAttempt(turn, progress, clock, random)
    : afterAttempt(turn, progress, attempt, clock, random)
}

function afterAttempt(
  { breaker }: TurnState,
  { delivery, waits }: Progress,
  { error }: Attempt,
  { now, retryForMs }: Clock,
  random: number,
): NextStep {
  if (error === null) return { kind: 'delivered' }
  if (now - delivery.firstAt < retryForMs) {
    const seconds = delaySeconds(delivery.attempts, retryForMs, random)
    return { kind: 'again', seconds: Math.max(seconds, breakerDelaySeconds(breaker, now)) }
  }
  // The first attempt alone can outlast a short WEBHOOK_RETRY. The slow lane then tries once more.
  return waits === 0 ? { kind: 'again', seconds: 0 } : { kind: 'given up', error }
}

function withoutAttempt(
  { endpoint, breaker }: TurnState,
  { delivery, waits }: Progress,
  { now, retryForMs }: Clock,
  random: number,
): NextStep {
  if (endpoint.disabled) return giveUp(delivery, 'the endpoint is disabled')
  const openSeconds = breakerDelaySeconds(breaker, now)
  if (openSeconds > 0 && now - delivery.firstAt >= retryForMs) {
    return giveUp(delivery, 'the endpoint failed all the time')
  }
  // The endpoint is well; only its time in this batch is over.
  if (waits === 0 && breaker.consecutiveFailures === 0) return { kind: 'again', seconds: 0 }
  const seconds = delaySeconds(Math.max(waits, 1), retryForMs, random)
  return { kind: 'again', seconds: Math.max(seconds, openSeconds) }
}

/** Gives up a delivery without another attempt. The error has the reason first, then the last attempt's error. */
export function giveUp({ error }: Pick<Delivery, 'error'>, reason: string): NextStep {
  return {
    kind: 'given up',
    error: error === null ? reason : `${reason}; before that: ${error}`,
  }
}
