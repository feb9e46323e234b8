/** What an upload session has at hand for the use *commit a blob*. */
import type { EventMessage } from '../events/model/messages.ts'
import type { CommitContext } from '../registry/blobs/commit-blob.ts'
import type { StorageEnv } from '../store/bytes/choose-blob-store.ts'
import type { Closing } from './chunk.ts'

/** The bindings of an upload session. */
export interface UploadEnv extends StorageEnv {
  DB: D1Database
  EVENTS: Queue<EventMessage>
}

export function commitContextOf(
  { DB, EVENTS }: UploadEnv,
  ctx: DurableObjectState,
  { repository, by }: Closing,
): CommitContext {
  return {
    repository,
    by,
    databases: { of: () => DB },
    events: { events: EVENTS },
    keepAlive: (work) => ctx.waitUntil(work.catch(() => undefined)),
  }
}
