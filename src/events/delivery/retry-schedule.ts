/**
 * The schedule of retries: how long a delivery waits between attempts. It is made for 24 hours. The operator may retry for less or
 * more (WEBHOOK_RETRY), and the waits shrink or grow with that, so that a delivery gets about as many attempts.
 */

const FIRST_DELAY_SECONDS = 10
const LAST_DELAY_SECONDS = 60 * 60

/** The time for which the schedule is made. */
export const RETRY_FOR_MS = 24 * 60 * 60_000

/**
 * The seconds to wait after so many attempts or waits, at least 1. Full jitter, "Exponential Backoff And Jitter" of the AWS
 * Architecture Blog: anything up to a bound that doubles, so that deliveries that failed together do not come back together. The wait
 * grows with waits too, since a queue gives up a message that waits too often. `random` is from 0 up to and without 1.
 */
export function delaySeconds(
  tries: number,
  retryForMs: number,
  random: number = Math.random(),
): number {
  const seconds = 1 + Math.floor(random * delayBoundSeconds(tries))
  return Math.ceil((seconds * retryForMs) / RETRY_FOR_MS)
}

/** The longest delay of the 24-hour schedule after so many attempts: 10 seconds, doubling to an hour. */
export function delayBoundSeconds(attempts: number): number {
  return Math.min(FIRST_DELAY_SECONDS * 2 ** (attempts - 1), LAST_DELAY_SECONDS)
}
