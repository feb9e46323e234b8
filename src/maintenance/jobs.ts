/** The table of all jobs and when they run. */
import { rotateTokenKeys } from '../auth/tokens/token-keys.ts'
import type { EventContext } from '../events/delivery/lanes.ts'
import { sweepOutbox } from '../events/delivery/sweep-outbox.ts'
import type { BlobStore } from '../store/bytes/blob-store.ts'
import type { Database } from '../store/database/database.ts'
import { noteSweep, type SweepName } from '../store/database/sweeps.ts'
import { EVERY_HOUR, EVERY_MINUTE } from './cron.ts'
import { forgetRows } from './forget-rows.ts'
import { type Job, runJobs } from './run-jobs.ts'
import { sweepTombstones } from './sweep.ts'
import { sweepOrphans } from './sweep-orphans.ts'

export interface JobContext {
  db: Database
  blobs: BlobStore
  events: EventContext
  /** When the run was due, in milliseconds since the epoch. */
  now: number
}

interface Entry {
  name: string
  cron: typeof EVERY_MINUTE | typeof EVERY_HOUR
  run: (context: JobContext) => ReturnType<Job>
}

/** They run in this order. A failed job does not stop the others. */
const JOBS: readonly Entry[] = [
  {
    name: 'sweep of the outbox',
    cron: EVERY_MINUTE,
    async run({ db, events }) {
      const swept = await sweepOutbox(events)
      await note(db, 'outbox', swept.events + swept.deliveries)
      return Object.values(swept).some((count) => count > 0) ? swept : null
    },
  },
  {
    name: 'sweep of tombstones',
    cron: EVERY_HOUR,
    async run({ db, blobs, now }) {
      const removed = await sweepTombstones(db, blobs, now)
      await note(db, 'collector', removed)
      return { removed }
    },
  },
  {
    name: 'sweep of orphans',
    cron: EVERY_HOUR,
    async run({ db, blobs, now }) {
      const buried = await sweepOrphans(db, blobs, now)
      await note(db, 'orphans', buried)
      return { buried }
    },
  },
  {
    name: 'removal of old rows',
    cron: EVERY_HOUR,
    run: async ({ db, now }) => ({ repositories: await forgetRows(db, now) }),
  },
  {
    name: 'rotation of token keys',
    cron: EVERY_HOUR,
    run: async ({ db, now }) => ({ rotated: await rotateTokenKeys(db, now) }),
  },
]

/**
 * Runs the jobs of a trigger. Every expression except the one for every minute means hourly, because an operator may have changed
 * it.
 * @throws {AggregateError} as runJobs does
 */
export function runJobsOf(cron: string, context: JobContext): Promise<void> {
  const trigger = cron === EVERY_MINUTE ? EVERY_MINUTE : EVERY_HOUR
  const due = JOBS.filter((job) => job.cron === trigger)
  return runJobs(Object.fromEntries(due.map(({ name, run }) => [name, () => run(context)])))
}

function note(db: Database, sweep: SweepName, done: number): Promise<void> {
  return noteSweep(db, sweep, done, Date.now())
}
