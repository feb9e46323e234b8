/**
 * The schedule of retries: how long a delivery waits between attempts. It is made for 24 hours. If the operator sets a shorter or longer
 * time (WEBHOOK_RETRY), the waits scale with it, so a delivery gets about as many attempts.
 */

const FIRST_DELAY_SECONDS = 10
const LAST_DELAY_SECONDS = 60 * 60

/** The time for which the schedule is made. */
export const RETRY_FOR_MS = 24 * 60 * 60_000

/**
 * The seconds to wait after `tries` attempts or waits, at least 1. It uses full jitter ("Exponential Backoff And Jitter", AWS Architecture
 * Blog): a random time up to a bound that doubles, so that deliveries that failed together do not come back together. Waits count too,
 * because a queue gives up a message that waits too often. `random` is at least 0 and less than 1.
 */
export function delaySeconds(
  tries: number,
  retryForMs: number,
  random: number = Math.random(),
): number {
  const seconds = 1 + Math.floor(random * delayBoundSeconds(tries))
  return Math.ceil((seconds * retryForMs) / RETRY_FOR_MS)
}

/** The longest delay of the 24-hour schedule after `attempts` attempts: 10 seconds, doubling up to an hour. */
export function delayBoundSeconds(attempts: number): number {
  return Math.min(FIRST_DELAY_SECONDS * 2 ** (attempts - 1), LAST_DELAY_SECONDS)
}
