/** Commits a blob: its verified bytes become visible in a repository, with an event. */

import type { EventContext } from '../../events/delivery/lanes.ts'
import { BLOB_MEDIA_TYPE } from '../../events/model/event.ts'
import type { Databases } from '../../store/database/database.ts'
import { commitBlob as commit, findBlob, type StoredBlob } from '../../store/registry/blobs.ts'
import type { RegistryContext } from '../context.ts'
import { announce, blobUrl, eventOf } from '../events.ts'

export interface CommitContext extends Pick<RegistryContext, 'repository' | 'by' | 'keepAlive'> {
  databases: Pick<Databases, 'of'>
  events: Pick<EventContext, 'events'>
}

/**
 * If the registry already holds the same content, that object stays and the new bytes are buried.
 * @param operation the id of the event: a repeated operation is done once, and has no second event
 * @returns `repeated`: the operation was done before. `gone`: it was done before, and the blob was deleted since. `buried`: nothing
 * changed, because the bytes are buried and may be deleted at any moment.
 */
export async function commitBlob(
  context: CommitContext,
  blob: StoredBlob,
  operation: string,
): Promise<'committed' | 'repeated' | 'gone' | 'buried'> {
  const { databases, repository } = context
  const { digest, size } = blob
  const target = { mediaType: BLOB_MEDIA_TYPE, size, digest, url: blobUrl(context, digest) }
  const event = { ...eventOf(context, 'push', target), id: operation }
  const outcome = await commit(databases.of(repository), repository, blob, event)
  if (outcome === 'buried') return 'buried'
  if (outcome === 'repeated') return (await isThere(context, blob)) ? 'repeated' : 'gone'
  announce(context, [event])
  return 'committed'
}

/** Whether the repository has the blob: a repetition after a delete must not succeed. */
export async function isThere(
  { databases, repository }: Pick<CommitContext, 'databases' | 'repository'>,
  { digest }: Pick<StoredBlob, 'digest'>,
): Promise<boolean> {
  return (await findBlob(databases.of(repository), repository, digest)) !== null
}
