/** The Worker: what the runtime calls. */
import { app } from './app.ts'
import { rotateTokenKeys } from './auth/token-keys.ts'
import { consumeEvents } from './events/consumer.ts'
import type { Env } from './http/context.ts'
import { logInfo } from './lib/log.ts'
import { sweepTombstones } from './maintenance/sweep.ts'
import { R2BlobStore } from './store/r2-blob-store.ts'

export { LoginGuard } from './auth/login-guard.ts'
export { UploadSession } from './uploads/upload-session.ts'

export default {
  fetch: app.fetch,
  queue: consumeEvents,
  async scheduled(controller, env) {
    const swept = await sweepTombstones(
      env.DB,
      new R2BlobStore(env.BUCKET),
      controller.scheduledTime,
    )
    const rotated = await rotateTokenKeys(env.DB, controller.scheduledTime)
    logInfo({ message: 'sweep', swept, rotated })
  },
} satisfies ExportedHandler<Env>
