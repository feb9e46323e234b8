/** The bindings that tests see: those of the Worker, and the migrations. */
import type { D1Migration } from '@cloudflare/vitest-plugin'
import type { Env as BerthEnv } from '../../src/http/middleware/context.ts'

declare global {
  namespace Cloudflare {
    interface Env extends BerthEnv {
      TEST_MIGRATIONS: D1Migration[]
      /** A second database, for what is behind the first. */
      REPLICA: D1Database
      /** With STORAGE=folder, a storage folder whose server is down. */
      NO_FOLDER: Fetcher
      /** How many sequences of uploads to try, and from which seed: a random one where it is ''. */
      MODEL_SEQUENCES: string
      MODEL_SEED: string
      /** The URL of the stores of storage/s3-stand-in.ts, in tests on S3. */
      STAND_IN: string
    }
  }
}
