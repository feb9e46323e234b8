/** Deletes a manifest by digest, and with it the tags that name it (OCI distribution spec, end-9). */
import type { Preconditions } from '../lib/conditional.ts'
import type { Digest } from '../oci/digest.ts'
import { removeManifest } from '../store/manifests.ts'
import type { RegistryContext } from './context.ts'
import { announceCascade, eventOf } from './events.ts'
import { inUse } from './in-use.ts'
import { digestKey, noteDeleted } from './read-nearest.ts'
import { preconditionFailed, unknownManifest } from './reference.ts'
import { changeTags } from './tags.ts'

/** @throws {RegistryError} MANIFEST_UNKNOWN; UNSUPPORTED if an index refers to it; DENIED with 412 */
export async function deleteManifest(
  context: RegistryContext,
  digest: Digest,
  preconditions: Preconditions,
): Promise<void> {
  const { databases, repository } = context
  const event = eventOf(context, 'delete', { digest, kind: 'manifest' })
  const removing = removeManifest(
    databases.of(repository),
    repository,
    digest,
    event,
    preconditions,
  )
  const [outcome] = await Promise.all([
    changeTags(context, removing),
    noteDeleted(context, digestKey(context, digest)),
  ])
  if (outcome === 'unknown') throw unknownManifest({ digest })
  if (outcome === 'precondition failed') throw preconditionFailed({ digest })
  if (outcome === 'in use') throw await inUse(context, 'manifest', digest)
  announceCascade(context, event)
}
