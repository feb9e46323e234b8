/** What every handler has at hand: the bindings, the settings, and what the path says. */
import { createFactory } from 'hono/factory'
import type { RegistryEvent } from '../events/event.ts'
import type { BlobStore } from '../store/blob-store.ts'
import type { UploadSession } from '../uploads/upload-session.ts'
import type { Settings, SettingVariables } from './settings.ts'

/** What wrangler.toml binds to the Worker, and the operator's variables. */
export interface Env extends SettingVariables {
  BUCKET: R2Bucket
  DB: D1Database
  UPLOADS: DurableObjectNamespace<UploadSession>
  EVENTS: Queue<RegistryEvent>
}

export interface AppEnv {
  Bindings: Env
  Variables: {
    settings: Settings
    blobStore: BlobStore
    /** A valid repository name; '' on routes without one. */
    repository: string
    /** The path's last segment: a digest, a tag, an upload id; each route validates its own. */
    reference: string
    /** Who sent the request; '' for anonymous. */
    subject: string
    requestId: string
  }
}

export const factory = createFactory<AppEnv>()
