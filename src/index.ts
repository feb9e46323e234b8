/** The Worker: what the runtime calls. */
import { app } from './app.ts'
import { rotateTokenKeys } from './auth/token-keys.ts'
import { consumeEvents } from './events/consumer.ts'
import { sweepOutbox } from './events/sweep-outbox.ts'
import { type Env, eventContext } from './http/context.ts'
import { forgetRows } from './maintenance/forget-rows.ts'
import { type Job, runJobs } from './maintenance/run-jobs.ts'
import { sweepTombstones } from './maintenance/sweep.ts'
import { sweepOrphans } from './maintenance/sweep-orphans.ts'
import { R2BlobStore } from './store/r2-blob-store.ts'
import { noteSweep } from './store/sweeps.ts'

export { LoginGuard } from './auth/login-guard.ts'
export { UploadSession } from './uploads/upload-session.ts'

/** In wrangler.toml, too; the other trigger is hourly. */
const EVERY_MINUTE = '* * * * *'

function eachMinute(env: Env): Record<string, Job> {
  return {
    'sweep of the outbox': async () => {
      const outbox = await sweepOutbox(eventContext(env))
      await noteSweep(env.DB, 'outbox', outbox.events + outbox.deliveries, Date.now())
      return Object.values(outbox).some((count) => count > 0) ? outbox : null
    },
  }
}

function eachHour(env: Env, now: number): Record<string, Job> {
  const store = new R2BlobStore(env.BUCKET)
  return {
    'sweep of tombstones': async () => {
      const removed = await sweepTombstones(env.DB, store, now)
      await noteSweep(env.DB, 'collector', removed, Date.now())
      return { removed }
    },
    'sweep of orphans': async () => {
      const buried = await sweepOrphans(env.DB, store, now)
      await noteSweep(env.DB, 'orphans', buried, Date.now())
      return { buried }
    },
    'removal of old rows': async () => ({ repositories: await forgetRows(env.DB, now) }),
    'rotation of token keys': async () => ({ rotated: await rotateTokenKeys(env.DB, now) }),
  }
}

export default {
  fetch: app.fetch,
  queue: (batch, env) => consumeEvents(batch, eventContext(env)),
  scheduled: ({ cron, scheduledTime }, env) =>
    runJobs(cron === EVERY_MINUTE ? eachMinute(env) : eachHour(env, scheduledTime)),
} satisfies ExportedHandler<Env>
