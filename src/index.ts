/** The Worker: what the runtime calls. */
import { app } from './app.ts'
import { rotateTokenKeys } from './auth/token-keys.ts'
import { consumeEvents } from './events/consumer.ts'
import { sweepOutbox } from './events/sweep-outbox.ts'
import { type Env, eventContext } from './http/context.ts'
import { logInfo } from './lib/log.ts'
import { sweepTombstones } from './maintenance/sweep.ts'
import { R2BlobStore } from './store/r2-blob-store.ts'
import { noteSweep } from './store/sweeps.ts'

export { LoginGuard } from './auth/login-guard.ts'
export { UploadSession } from './uploads/upload-session.ts'

/** In wrangler.toml, too; the other trigger is hourly. */
const EVERY_MINUTE = '* * * * *'

export default {
  fetch: app.fetch,
  queue: (batch, env) => consumeEvents(batch, eventContext(env)),
  async scheduled(controller, env) {
    if (controller.cron === EVERY_MINUTE) {
      const outbox = await sweepOutbox(eventContext(env))
      await noteSweep(env.DB, 'outbox', outbox.events + outbox.deliveries, Date.now())
      if (Object.values(outbox).some((count) => count > 0)) {
        logInfo({ message: 'sweep of the outbox', ...outbox })
      }
      return
    }
    const swept = await sweepTombstones(
      env.DB,
      new R2BlobStore(env.BUCKET),
      controller.scheduledTime,
    )
    await noteSweep(env.DB, 'collector', swept, Date.now())
    const rotated = await rotateTokenKeys(env.DB, controller.scheduledTime)
    logInfo({ message: 'sweep', swept, rotated })
  },
} satisfies ExportedHandler<Env>
