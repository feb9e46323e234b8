/** Work that may fail in passing, and is then tried again. */

const WAITS_MS = [50, 200, 800]
const TRIES = WAITS_MS.length

/**
 * Does `work`, up to three times as long as its errors are passing ones. Only for what may be done twice.
 * @param work is told which try it is, from 1
 */
export async function withRetries<T>(
  work: (attempt: number) => Promise<T>,
  isPassing: (error: unknown) => boolean,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt)
    } catch (error) {
      if (attempt === TRIES || !isPassing(error)) throw error
      await backOff(attempt)
    }
  }
}

/** Waits after a failed try, about four times as long after each. The jitter spreads those who failed together. */
export async function backOff(attempt: number): Promise<void> {
  const wait = WAITS_MS[attempt - 1] ?? 0
  await scheduler.wait(wait * (0.5 + Math.random()))
}
