/**
 * The circuit breaker of an endpoint: after `threshold` failures in a row, nothing is sent for `backoffMs`. Pure functions over what the
 * caller keeps. Times are milliseconds since 1970, except where a name says seconds.
 */

/** What is kept of an endpoint between attempts. */
export interface BreakerState {
  /** Failures since the last success. */
  consecutiveFailures: number
  /** Nothing is sent until then. Null while the breaker is closed. */
  openUntil: number | null
}

export interface BreakerLimits {
  /** The breaker opens after so many failures in a row, and again after each further failure. */
  threshold: number
  backoffMs: number
}

/** The state after a success, and of an endpoint that was never tried. */
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
