/** Runs the jobs of a cron trigger one after the other. A failed job does not stop the others. */
import { logError, logInfo } from '../lib/log.ts'

/** Returns what it did, for the log; null for nothing. */
export type Job = () => Promise<object | null>

/** @throws {AggregateError} after all jobs, if any failed: the runtime counts failed runs */
export async function runJobs(jobs: Readonly<Record<string, Job>>): Promise<void> {
  const failures: unknown[] = []
  for (const [job, run] of Object.entries(jobs)) {
    try {
      const done = await run()
      if (done !== null) logInfo({ message: 'job done', job, ...done })
    } catch (error) {
      logError({ message: 'job failed', job }, error)
      failures.push(error)
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'some jobs failed')
}
