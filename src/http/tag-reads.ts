/**
 * What a tag means: asked of the primary each time, which makes a tag a linearizable register, unless the operator prefers speed
 * (TAG_READS, TAG_HOLD_SECONDS).
 */
import type { Context } from 'hono'
import type { Database } from '../store/database.ts'
import { HeldTags } from '../store/held-tags.ts'
import { findManifestByTag, type StoredManifest } from '../store/manifests.ts'
import { Memory } from '../store/memory.ts'
import type { AppEnv } from './context.ts'
import { digestKey, noteDeleted, readNearestOf } from './nearest.ts'
import { settled } from './settled.ts'

const heldTags = new Memory<HeldTags>(Number.POSITIVE_INFINITY)

/** Access is decided before, for each request: what is held is not asked who may have it. */
export function readTag(c: Context<AppEnv>, tag: string): Promise<StoredManifest | null> {
  const repository = c.get('repository')
  const settings = c.get('settings')
  const find = (db: Database) => findManifestByTag(db, repository, tag)
  const fromPrimary = () => find(c.get('db'))
  const read = () =>
    settings.tagReads === 'primary'
      ? fromPrimary()
      : readNearestOf(c, ({ digest }) => [tagKey(c, tag), digestKey(repository, digest)], find)
  if (settings.tagHoldSeconds === 0) return read()
  const tags = held(c)
  // Read to its end even when this client leaves: others wait for it.
  const shared = () => settled(c, tags.changedLately(repository) ? fromPrimary() : read())
  return tags.resolve(repository, tag, settings.tagHoldSeconds * 1000, shared)
}

/** Waits for a change of the repository's manifests or tags, and whether it succeeds or not, lets go of what it may have changed. */
export async function changingTags<T>(c: Context<AppEnv>, change: Promise<T>): Promise<T> {
  try {
    return await change
  } finally {
    held(c).drop(c.get('repository'))
  }
}

/** A tag that goes must not come back from a replica. */
export async function noteTagDeleted(c: Context<AppEnv>, tag: string): Promise<void> {
  if (c.get('settings').tagReads === 'replica') await noteDeleted(c, tagKey(c, tag))
}

function held(c: Context<AppEnv>): HeldTags {
  const db = c.get('db')
  const known = heldTags.get(db) ?? new HeldTags()
  heldTags.set(db, known)
  return known
}

function tagKey(c: Context<AppEnv>, tag: string): string {
  return `${c.get('repository')}:${tag}`
}
