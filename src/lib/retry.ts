/** Work that may fail in passing, and is then tried again. */

/** How long to wait after each failed try but the last, about: the jitter spreads those who failed together. */
const WAITS_MS = [50, 200]

/** Does `work`, up to three times as long as its errors are passing ones. Only for what may be done twice. */
export async function withRetries<T>(
  work: () => Promise<T>,
  isPassing: (error: unknown) => boolean,
): Promise<T> {
  for (const wait of WAITS_MS) {
    try {
      return await work()
    } catch (error) {
      if (!isPassing(error)) throw error
      await scheduler.wait(wait * (0.5 + Math.random()))
    }
  }
  return work()
}
