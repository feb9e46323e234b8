/**
 * The decision about a delivery, for both lanes: whether it is tried now, and what follows an attempt or a skipped one. The functions are
 * pure; turn.ts carries out the decisions. Times are milliseconds since 1970.
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

/** The state of an endpoint during its turn. */
export interface TurnState {
  endpoint: Pick<Endpoint, 'disabled' | 'timeoutMs'>
  /** Includes the last attempt. */
  breaker: BreakerState
  /** Milliseconds that the failed attempts of this turn took. */
  failedMs: number
  /** No attempt begins after this time. */
  end: number
}

/** The state of a delivery. After an attempt, it includes that attempt. */
export interface Progress {
  delivery: Pick<Delivery, 'attempts' | 'firstAt' | 'error'>
  /** How often the slow lane received its message; 0 in the fast lane. */
  waits: number
}

export interface Clock {
  now: number
  /** Milliseconds for which a delivery is retried. */
  retryForMs: number
}

/**
 * Whether the delivery is tried now. The fast lane skips an endpoint whose last attempt failed. The slow lane tries an endpoint until its
 * failures have taken as long as one timeout.
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

/** The step that follows. `attempt` is null if the delivery was not tried. */
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
    return giveUp(delivery, 'the endpoint kept failing')
  }
  // The endpoint works; only its time in this batch is over.
  if (waits === 0 && breaker.consecutiveFailures === 0) return { kind: 'again', seconds: 0 }
  const seconds = delaySeconds(Math.max(waits, 1), retryForMs, random)
  return { kind: 'again', seconds: Math.max(seconds, openSeconds) }
}

/** Gives up a delivery without another attempt. The error is the reason, followed by the error of the last attempt. */
export function giveUp({ error }: Pick<Delivery, 'error'>, reason: string): NextStep {
  return {
    kind: 'given up',
    error: error === null ? reason : `${reason}; before that: ${error}`,
  }
}
