/** Deletes a manifest by digest, with the tags that name it (OCI distribution spec, end-9). */
import type { RegistryEvent } from '../../events/model/event.ts'
import type { Preconditions } from '../../lib/conditional.ts'
import type { Digest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import { type RemoveOutcome, removeManifest } from '../../store/registry/manifests.ts'
import { type CascadeRefusal, removeUnreachable } from '../../store/registry/remove-unreachable.ts'
import { tagsOfManifest } from '../../store/registry/tags.ts'
import type { RegistryContext } from '../context.ts'
import { announceCascade, eventOf } from '../events.ts'
import { inUse, reachedByTags, tooManyHolders } from '../in-use.ts'
import { digestKey, noteDeleted, repositoryKey } from '../read-nearest.ts'
import { preconditionFailed, unknownManifest } from './reference.ts'
import { askAboutTags } from './tag-policy.ts'
import { changeTags } from './tags.ts'

export interface ManifestDeletion {
  digest: Digest
  /** Deletes only the tags of the manifest, or also the indexes that lead to it if no tag reaches them. */
  cascade: 'tags' | 'unreachable'
  /** The conditions that the manifest must meet. */
  preconditions: Preconditions
}

/**
 * @throws {RegistryError} MANIFEST_UNKNOWN; UNSUPPORTED if an index refers to it; DENIED with 412; UNAVAILABLE if a push interfered with
 *   every attempt
 */
export async function deleteManifest(
  context: RegistryContext,
  deletion: ManifestDeletion,
): Promise<void> {
  const { digest, cascade } = deletion
  if (context.policy !== null) await askAboutTags(context, 'delete', await tagsOf(context, digest))
  const event = eventOf(context, 'delete', { digest, kind: 'manifest' })
  const [outcome] = await Promise.all([
    changeTags(context, remove(context, deletion, event)),
    // One mark covers everything that the cascade may delete.
    noteDeleted(context, cascade === 'tags' ? digestKey(context, digest) : repositoryKey(context)),
  ])
  if (outcome !== 'deleted') throw await refusalOf(context, digest, outcome)
  announceCascade(context, event)
}

/** A tag that is set later, while the delete is on its way, is not among them. */
function tagsOf({ databases, repository }: RegistryContext, digest: Digest): Promise<string[]> {
  return tagsOfManifest(databases.of(repository), repository, digest)
}

type DeleteOutcome = RemoveOutcome | CascadeRefusal

function remove(
  { databases, repository }: RegistryContext,
  { digest, cascade, preconditions }: ManifestDeletion,
  event: RegistryEvent,
): Promise<DeleteOutcome> {
  const removeFrom = cascade === 'tags' ? removeManifest : removeUnreachable
  return removeFrom(databases.of(repository), repository, digest, event, preconditions)
}

async function refusalOf(
  context: RegistryContext,
  digest: Digest,
  outcome: Exclude<DeleteOutcome, 'deleted'>,
): Promise<RegistryError> {
  switch (outcome) {
    case 'unknown':
      return unknownManifest({ digest })
    case 'precondition failed':
      return preconditionFailed({ digest })
    case 'in use':
      return inUse(context, 'manifest', digest)
    case 'too many':
      return tooManyHolders(digest)
    case 'changing':
      return new RegistryError('UNAVAILABLE', {
        message: 'the repository is changing: delete again',
        headers: { 'Retry-After': '1' },
      })
    default:
      return reachedByTags(context, digest, outcome.reachedBy)
  }
}
