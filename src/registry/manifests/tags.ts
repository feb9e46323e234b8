/**
 * Reads and changes tags. By default every read of a tag asks the primary, which makes the tag a linearizable register. The operator may
 * prefer speed (TAG_READS, TAG_HOLD_SECONDS).
 */
import type { Database } from '../../store/database/database.ts'
import { Memory } from '../../store/database/memory.ts'
import { HeldTags } from '../../store/registry/held-tags.ts'
import { findManifestByTag, type StoredManifest } from '../../store/registry/manifests.ts'
import { lasting, type RegistryContext } from '../context.ts'
import { digestKey, noteDeleted, readNearestOf } from '../read-nearest.ts'

const heldTags = new Memory<HeldTags>(Number.POSITIVE_INFINITY)

/** Held tags do not depend on the caller: access was already checked for this request. */
export function readTag(context: RegistryContext, tag: string): Promise<StoredManifest | null> {
  const { repository, databases, tagReading } = context
  const find = (db: Database) => findManifestByTag(db, repository, tag)
  const fromPrimary = () => find(databases.of(repository))
  const read = () =>
    tagReading.tagReads === 'primary'
      ? fromPrimary()
      : readNearestOf(
          context,
          ({ digest }) => [tagKey(context, tag), digestKey(context, digest)],
          find,
        )
  if (tagReading.tagHoldSeconds === 0) return read()
  const held = heldTagsOf(context)
  // Completed even if this client disconnects: other requests wait for it.
  const shared = () => lasting(context, held.changedLately(repository) ? fromPrimary() : read())
  return held.resolve(repository, tag, tagReading.tagHoldSeconds * 1000, shared)
}

/**
 * Completes a change of the repository's manifests or tags even if the client disconnects. Then, on success or failure, drops the tags of
 * the repository that this isolate holds.
 */
export function changeTags<T>(context: RegistryContext, change: Promise<T>): Promise<T> {
  const done = change.finally(() => heldTagsOf(context).drop(context.repository))
  return lasting(context, done)
}

/** Marks a tag as deleted, so that a replica does not bring it back. */
export async function noteTagDeleted(context: RegistryContext, tag: string): Promise<void> {
  if (context.tagReading.tagReads !== 'replica') return
  await noteDeleted(context, tagKey(context, tag))
}

function heldTagsOf({ databases, repository }: RegistryContext): HeldTags {
  const db = databases.of(repository)
  const known = heldTags.get(db) ?? new HeldTags()
  heldTags.set(db, known)
  return known
}

function tagKey({ repository }: RegistryContext, tag: string): string {
  return `${repository}:${tag}`
}
