/** Listing and removing tags. put-manifest.ts sets them. */
import { NO_PRECONDITIONS, type Preconditions } from '../../lib/conditional.ts'
import type { Digest } from '../../oci/digest.ts'
import { applyChange } from '../database/change.ts'
import type { Database } from '../database/database.ts'
import { sql, statements } from '../database/statement.ts'
import { type OutboxEvent, recordEventIf } from '../events/outbox.ts'
import { checkPreconditions, isPreconditionError } from './preconditions.ts'

const SQL = statements('tags', {
  list: sql<[repository: string, last: string, limit: number], { name: string | null }>(`
    SELECT tags.name FROM repositories
    LEFT JOIN tags ON tags.repository_id = repositories.id AND tags.name > ?2
    WHERE repositories.name = ?1
    ORDER BY tags.name LIMIT ?3`),
  ofManifest: sql<[repository: string, digest: Digest], { name: string }>(`
    SELECT tags.name FROM repositories
    JOIN tags ON tags.repository_id = repositories.id
    WHERE repositories.name = ?1 AND tags.digest = ?2`),
  remove: sql<[repository: string, tag: string]>(`
    DELETE FROM tags
    WHERE repository_id = (SELECT id FROM repositories WHERE name = ?1) AND name = ?2`),
})

/**
 * Up to `limit` tags in byte order, after the tag `last` ('' for the beginning).
 * @returns null if the repository does not exist
 */
export async function listTags(
  db: Database,
  repository: string,
  last: string,
  limit: number,
): Promise<string[] | null> {
  // A repository without tags gives one row with a null. A page of no tags asks for that row, too.
  const { results } = await SQL.list(db, repository, last, Math.max(limit, 1)).all()
  if (results.length === 0) return null
  return results.flatMap(({ name }) => (name === null ? [] : [name])).slice(0, limit)
}

/** All tags that name a manifest. */
export async function tagsOfManifest(
  db: Database,
  repository: string,
  digest: Digest,
): Promise<string[]> {
  const { results } = await SQL.ofManifest(db, repository, digest).all()
  return results.map(({ name }) => name)
}

/** Removes a tag. The manifest stays. */
export async function removeTag(
  db: Database,
  repository: string,
  tag: string,
  event: OutboxEvent,
  preconditions: Preconditions = NO_PRECONDITIONS,
): Promise<'deleted' | 'unknown' | 'precondition failed'> {
  try {
    const outcome = await applyChange(db, event.id, [
      recordEventIf(db, event, { repository, tag }),
      ...checkPreconditions(db, event, repository, { tag }, preconditions),
      SQL.remove(db, repository, tag),
    ])
    return outcome === 'nothing' ? 'unknown' : 'deleted'
  } catch (error) {
    if (isPreconditionError(error)) return 'precondition failed'
    throw error
  }
}
