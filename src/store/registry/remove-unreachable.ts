/** Removes a manifest together with the indexes above it, if none of the indexes has a tag. */
import type { Preconditions } from '../../lib/conditional.ts'
import type { Digest } from '../../oci/digest.ts'
import { applyChange, isForeignKeyError } from '../database/change.ts'
import type { Database } from '../database/database.ts'
import { type Query, sql, statements } from '../database/statement.ts'
import { FIRST_SWEEP_AFTER_MS, type OutboxEvent } from '../events/outbox.ts'
import { findAbove, type Holder, TOLD } from './holders.ts'
import { type RemoveOutcome, removalOf } from './manifests.ts'
import { isPreconditionError } from './preconditions.ts'
import { removeListed } from './remove-listed.ts'

/** Manifests that one request removes at most, in one transaction. */
export const CASCADE_AT_MOST = 1000

/** Tries at most. A push between the search and the transaction makes the next one necessary. */
const TRIES = 3

const SQL = statements('remove-unreachable', {
  // Takes the action from the event. The schema refuses that, so the whole batch fails. Without it the tags would be removed, too.
  unlessTagged: sql<[repository: string, digests: string, eventId: string]>(`
    UPDATE events SET action = NULL
    WHERE id = ?3 AND EXISTS (
      SELECT 1 FROM repositories JOIN json_each(?2) AS wanted
      JOIN tags ON tags.repository_id = repositories.id AND tags.digest = wanted.value
      WHERE repositories.name = ?1)`),
  // RESTRICT acts within a statement, too, so the references are removed first.
  letGo: sql<[repository: string, digests: string]>(`
    DELETE FROM manifest_children
    WHERE repository_id = (SELECT id FROM repositories WHERE name = ?1)
      AND manifest_digest IN (SELECT value FROM json_each(?2))`),
})

/**
 * The reason why nothing is changed. `too many`: it would be more than 1,000 manifests. `changing`: pushes came at each try.
 * `reachedBy`: up to 20 indexes above the manifest that have tags.
 */
export type CascadeRefusal = 'too many' | 'changing' | { reachedBy: Holder[] }

/**
 * Removes a manifest with its tags, and all indexes above it. The same transaction records an event for each removed manifest and tag.
 * It fails if an index got a tag, or another index came, since the search.
 */
export async function removeUnreachable(
  db: Database,
  repository: string,
  digest: Digest,
  event: OutboxEvent,
  preconditions: Preconditions,
): Promise<Exclude<RemoveOutcome, 'in use'> | CascadeRefusal> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const above = await findAbove(db, repository, digest, CASCADE_AT_MOST)
    const tagged = above.filter(({ tags }) => tags.length > 0)
    if (tagged.length > 0) {
      return { reachedBy: tagged.slice(0, TOLD).map((one) => ({ ...one, tagged: true })) }
    }
    if (above.length >= CASCADE_AT_MOST) return 'too many'
    const removal = removalOf(db, repository, digest, event, preconditions)
    const outcome = await removeTogether(
      db,
      event,
      removal,
      above.map((one) => one.digest),
    )
    if (outcome !== 'changing') return outcome
  }
  return 'changing'
}

/** @returns `changing` if a tag or another index has come since the search */
async function removeTogether(
  db: Database,
  event: OutboxEvent,
  { checks, changes }: ReturnType<typeof removalOf>,
  above: readonly Digest[],
): Promise<'deleted' | 'unknown' | 'precondition failed' | 'changing'> {
  try {
    const statements = [...checks, ...removeAbove(db, event, above), ...changes]
    const outcome = await applyChange(db, event.id, statements)
    return outcome === 'nothing' ? 'unknown' : 'deleted'
  } catch (error) {
    if (isPreconditionError(error)) return 'precondition failed'
    if (isForeignKeyError(error) || isTaggedError(error)) return 'changing'
    throw error
  }
}

function removeAbove(
  db: Database,
  event: OutboxEvent,
  digests: readonly Digest[],
): Query<unknown>[] {
  const { repository } = event.target
  const list = JSON.stringify(digests)
  return [
    SQL.unlessTagged(db, repository, list, event.id),
    SQL.letGo(db, repository, list),
    ...removeListed(db, event, digests, Date.parse(event.timestamp) + FIRST_SWEEP_AFTER_MS),
  ]
}

function isTaggedError(error: unknown): boolean {
  return (
    error instanceof Error && error.message.includes('NOT NULL constraint failed: events.action')
  )
}
