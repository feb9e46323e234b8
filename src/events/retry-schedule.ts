/**
 * When a delivery that failed is tried again, and when an endpoint that keeps failing is left alone: pure functions, over what
 * the caller keeps. All times are milliseconds since 1970, except where a name says seconds.
 */

const FIRST_DELAY_SECONDS = 10
const LAST_DELAY_SECONDS = 60 * 60

/** Deliveries are tried for at least so long after their first attempt. */
export const RETRY_FOR_MS = 24 * 60 * 60_000

export interface Failure {
  /** How many attempts have failed, this one included. */
  attempts: number
  firstAttemptAt: number
  now: number
  /** Of the endpoint, with this failure in it. */
  breaker: BreakerState
}

/** The seconds until the next attempt; null when the delivery is given up. `random` is from 0 up to and without 1. */
export function retryDelaySeconds(
  { attempts, firstAttemptAt, now, breaker }: Failure,
  random: number = Math.random(),
): number | null {
  if (now - firstAttemptAt >= RETRY_FOR_MS) return null
  return postponeSeconds(attempts, breaker, now, random)
}

/**
 * For how many seconds a delivery waits whose endpoint is left alone, after so many attempts or waits: it grows with them, since
 * a queue gives a message up that was put off too often.
 */
export function postponeSeconds(
  attempts: number,
  breaker: BreakerState,
  now: number,
  random: number = Math.random(),
): number {
  return Math.max(jitteredSeconds(attempts, random), breakerDelaySeconds(breaker, now))
}

/**
 * Full jitter, "Exponential Backoff And Jitter" of the AWS Architecture Blog: anything up to a bound that doubles, so that what
 * failed together does not come back together. At least a second.
 */
function jitteredSeconds(attempts: number, random: number): number {
  return 1 + Math.floor(random * delayBoundSeconds(attempts))
}

/** The longest delay after so many failed attempts: 10 seconds, doubling to an hour. */
export function delayBoundSeconds(attempts: number): number {
  return Math.min(FIRST_DELAY_SECONDS * 2 ** (attempts - 1), LAST_DELAY_SECONDS)
}

/** What is kept of an endpoint between attempts. */
export interface BreakerState {
  /** Since the last success. */
  consecutiveFailures: number
  /** Until then nothing is sent; null where the endpoint is not left alone. */
  openUntil: number | null
}

export interface BreakerLimits {
  /** Consecutive failures after which the endpoint is left alone; and again after each further one. */
  threshold: number
  backoffMs: number
}

/** After a success, and of an endpoint that was never tried. */
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

/** The seconds for which the endpoint is still left alone; 0 where it may be tried. */
export function breakerDelaySeconds({ openUntil }: BreakerState, now: number): number {
  if (openUntil === null || openUntil <= now) return 0
  return Math.ceil((openUntil - now) / 1000)
}
