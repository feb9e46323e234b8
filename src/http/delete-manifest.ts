/** Deleting a tag, or a manifest with its tags and, where that is asked for, with the indexes that hold it (end-9). */
import type { Context } from 'hono'
import type { RegistryEvent } from '../events/event.ts'
import type { Digest } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import { type RemoveOutcome, removeManifest } from '../store/manifests.ts'
import { type CascadeRefusal, removeUnreachable } from '../store/remove-unreachable.ts'
import { removeTag } from '../store/tags.ts'
import type { AppEnv } from './context.ts'
import { announce, announceCascade, eventOf } from './events.ts'
import { changing, inUse, reached, tooManyHolders } from './in-use.ts'
import { type Reference, unknownManifest } from './manifest-reference.ts'
import { digestKey, noteDeleted, repositoryKey } from './nearest.ts'
import { preconditionFailed, preconditionsOf } from './preconditions.ts'
import { settled } from './settled.ts'
import { changingTags, noteTagDeleted } from './tag-reads.ts'

/** What goes with a manifest: only its tags, or the indexes that hold it, too, where no tag reaches them. */
export type Cascade = 'tags' | 'unreachable'

/** @throws {RegistryError} status 400 for any `?cascade=` but the one there is, and for one with a tag */
export function cascadeOf(c: Context<AppEnv>, reference: Reference): Cascade {
  const [value, ...more] = c.req.queries('cascade') ?? []
  if (value === undefined) return 'tags'
  if (value === 'unreachable' && more.length === 0 && 'digest' in reference) return value
  throw new RegistryError('UNSUPPORTED', {
    status: 400,
    message:
      'tag' in reference
        ? 'cascade: a delete of a tag deletes nothing but the tag'
        : 'cascade: expected "unreachable", once',
  })
}

export async function deleteTag(c: Context<AppEnv>, reference: { tag: string }): Promise<void> {
  const { tag } = reference
  const event = eventOf(c, 'delete', { tag })
  const removing = removeTag(c.get('db'), c.get('repository'), tag, event, preconditionsOf(c))
  const [outcome] = await Promise.all([
    settled(c, changingTags(c, removing)),
    noteTagDeleted(c, tag),
  ])
  if (outcome === 'unknown') throw unknownManifest(reference)
  if (outcome === 'precondition failed') throw preconditionFailed(reference)
  announce(c, [event])
}

export async function deleteManifest(
  c: Context<AppEnv>,
  reference: { digest: Digest },
  cascade: Cascade,
): Promise<void> {
  const { digest } = reference
  const repository = c.get('repository')
  const event = eventOf(c, 'delete', { digest, kind: 'manifest' })
  const [outcome] = await Promise.all([
    settled(c, changingTags(c, remove(c, digest, event, cascade))),
    // One mark for all that may go.
    noteDeleted(c, cascade === 'tags' ? digestKey(repository, digest) : repositoryKey(repository)),
  ])
  if (outcome === 'unknown') throw unknownManifest(reference)
  if (outcome === 'precondition failed') throw preconditionFailed(reference)
  if (outcome === 'in use') throw await inUse(c, 'manifest', digest)
  if (outcome === 'too many') throw tooManyHolders(digest)
  if (outcome === 'changing') throw changing()
  if (outcome !== 'deleted') throw reached(c, digest, outcome.reachedBy)
  announceCascade(c, event)
}

function remove(
  c: Context<AppEnv>,
  digest: Digest,
  event: RegistryEvent,
  cascade: Cascade,
): Promise<RemoveOutcome | CascadeRefusal> {
  const db = c.get('db')
  const repository = c.get('repository')
  const preconditions = preconditionsOf(c)
  return cascade === 'tags'
    ? removeManifest(db, repository, digest, event, preconditions)
    : removeUnreachable(db, repository, digest, event, preconditions)
}
