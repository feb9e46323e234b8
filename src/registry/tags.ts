/**
 * What a tag means: asked of the primary each time, which makes a tag a linearizable register, unless the operator prefers speed
 * (TAG_READS, TAG_HOLD_SECONDS).
 */
import type { Database } from '../store/database.ts'
import { HeldTags } from '../store/held-tags.ts'
import { findManifestByTag, type StoredManifest } from '../store/manifests.ts'
import { Memory } from '../store/memory.ts'
import { lasting, type RegistryContext } from './context.ts'
import { digestKey, noteDeleted, readNearestOf } from './read-nearest.ts'

const heldTags = new Memory<HeldTags>(Number.POSITIVE_INFINITY)

/** Access is decided before, for each request: what is held does not say who may have it. */
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
  // Read to its end even when this client leaves: others wait for it.
  const shared = () => lasting(context, held.changedLately(repository) ? fromPrimary() : read())
  return held.resolve(repository, tag, tagReading.tagHoldSeconds * 1000, shared)
}

/**
 * Carries a change of the repository's manifests or tags through, even when the client leaves. Then, whether it succeeded or not,
 * invalidates the tags that this isolate holds of the repository.
 */
export function changeTags<T>(context: RegistryContext, change: Promise<T>): Promise<T> {
  const done = change.finally(() => heldTagsOf(context).drop(context.repository))
  return lasting(context, done)
}

/** A tag that goes must not come back from a replica. */
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
