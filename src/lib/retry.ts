/** Repeats work that fails with transient errors. */

/** The approximate wait after each failed attempt except the last. Jitter spreads requests that failed at the same time. */
const WAITS_MS = [50, 200]

/** Runs `work` up to three times while its errors are transient. Only for work that may be repeated. */
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
