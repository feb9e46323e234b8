/**
 * The schedule of retries (retry-schedule.ts), which is made for 24 hours, at the pace that the operator chose: who retries for
 * half as long waits half as long between attempts, so that a delivery gets about as many of them.
 */
import {
  type BreakerState,
  breakerDelaySeconds,
  CLOSED,
  postponeSeconds,
  RETRY_FOR_MS,
  retryDelaySeconds,
} from './retry-schedule.ts'

export interface FailedDelivery {
  /** How many attempts have failed, this one included. */
  attempts: number
  firstAt: number
  /** Of the endpoint, with this failure in it. */
  breaker: BreakerState
}

/** The seconds until the next attempt; null when the delivery is given up. */
export function secondsToRetry(
  { attempts, firstAt, breaker }: FailedDelivery,
  now: number,
  retryForMs: number,
): number | null {
  const pace = RETRY_FOR_MS / retryForMs
  const elapsed = (now - firstAt) * pace
  const failure = { attempts, firstAttemptAt: now - elapsed, now, breaker: CLOSED }
  const seconds = retryDelaySeconds(failure)
  return seconds === null ? null : atPace(seconds, pace, breaker, now)
}

/** The seconds for which a delivery waits that was not tried, after so many attempts or waits. */
export function secondsToWait(
  attempts: number,
  breaker: BreakerState,
  now: number,
  retryForMs: number,
): number {
  return atPace(postponeSeconds(attempts, CLOSED, now), RETRY_FOR_MS / retryForMs, breaker, now)
}

/** The breaker's wait is the endpoint's own, and has no other pace. */
function atPace(seconds: number, pace: number, breaker: BreakerState, now: number): number {
  return Math.max(Math.ceil(seconds / pace), breakerDelaySeconds(breaker, now), 1)
}
