/** The Worker: what the runtime calls. */
import { app } from './app.ts'
import { consumeEvents } from './events/consumer.ts'
import { type Env, eventContext } from './http/context.ts'
import { runJobsOf } from './maintenance/jobs.ts'
import { R2BlobStore } from './store/r2-blob-store.ts'

export { LoginGuard } from './auth/login-guard.ts'
export { UploadSession } from './uploads/upload-session.ts'

export default {
  fetch: app.fetch,
  queue: (batch, env) => consumeEvents(batch, eventContext(env)),
  scheduled: ({ cron, scheduledTime: now }, env) => {
    const blobs = new R2BlobStore(env.BUCKET)
    return runJobsOf(cron, { db: env.DB, blobs, events: eventContext(env), now })
  },
} satisfies ExportedHandler<Env>
