/**
 * The circuit breaker of an endpoint: after `threshold` failures in a row, nothing is sent for `backoffMs`. The functions are pure; the
 * caller stores the state. Times are milliseconds since 1970, except where a name says seconds.
 */

/** The state of an endpoint between attempts. */
export interface BreakerState {
  /** Failures since the last success. */
  consecutiveFailures: number
  /** Nothing is sent before this time. Null while the breaker is closed. */
  openUntil: number | null
}

export interface BreakerLimits {
  /** The breaker opens after this many failures in a row, and again after each further failure. */
  threshold: number
  backoffMs: number
}

/** The state after a success, and before the first attempt. */
export const CLOSED: BreakerState = { consecutiveFailures: 0, openUntil: null }

export function afterFailure(
  { consecutiveFailures }: BreakerState,
  { threshold, backoffMs }: BreakerLimits,
  now: number,
): BreakerState {
  const failures = consecutiveFailures + 1
  return {
    consecutiveFailures: failures,
    openUntil: failures >= threshold ? now + backoffMs : null,
  }
}

/** For how many seconds the breaker stays open; 0 while it is closed. */
export function breakerDelaySeconds({ openUntil }: BreakerState, now: number): number {
  if (openUntil === null || openUntil <= now) return 0
  return Math.ceil((openUntil - now) / 1000)
}
