/** Deletes a tag. Its manifest stays (OCI distribution spec, end-9). */
import type { Preconditions } from '../../lib/conditional.ts'
import { removeTag } from '../../store/registry/tags.ts'
import type { RegistryContext } from '../context.ts'
import { announce, eventOf } from '../events.ts'
import { preconditionFailed, unknownManifest } from './reference.ts'
import { changeTags, noteTagDeleted } from './tags.ts'

/** @throws {RegistryError} MANIFEST_UNKNOWN; DENIED with 412 */
export async function deleteTag(
  context: RegistryContext,
  tag: string,
  preconditions: Preconditions,
): Promise<void> {
  const { databases, repository } = context
  const event = eventOf(context, 'delete', { tag })
  const removing = removeTag(databases.of(repository), repository, tag, event, preconditions)
  const [outcome] = await Promise.all([changeTags(context, removing), noteTagDeleted(context, tag)])
  if (outcome === 'unknown') throw unknownManifest({ tag })
  if (outcome === 'precondition failed') throw preconditionFailed({ tag })
  announce(context, [event])
}
