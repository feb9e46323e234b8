/**
 * Removes a repository with everything in it. Each step is a transaction of limited size. A step records an event for each tag,
 * manifest and blob that it removes. The sweep of the outbox announces these events.
 */
import { isPassing } from '../../lib/passing-error.ts'
import { withRetries } from '../../lib/retry.ts'
import { TOMBSTONE_GRACE_MS } from '../bytes/tombstones.ts'
import { isForeignKeyError } from '../database/change.ts'
import type { Database } from '../database/database.ts'
import { type Query, runBatch, sql, statements } from '../database/statement.ts'
import { eventJson, type OutboxEvent } from '../events/outbox.ts'
import { type DigestRow, removeListed } from './remove-listed.ts'

/** Manifests or blobs that a step removes at most. */
export const STEP_ENTRIES = 1000

/** Rows of tag history that a step removes at most. */
const STEP_HISTORY = 10_000

/** `digests` is a JSON array, `at` the time of the event. */
type Told = [repository: string, digests: string, eventId: string, at: number, event: string]

const SQL = statements('remove-repository', {
  // A manifest cannot be removed before an index that refers to it.
  manifests: sql<[repository: string, limit: number], DigestRow>(`
    SELECT manifests.digest FROM repositories
    JOIN manifests ON manifests.repository_id = repositories.id
    WHERE repositories.name = ?1 AND NOT EXISTS (
      SELECT 1 FROM manifest_children
      WHERE manifest_children.repository_id = manifests.repository_id
        AND manifest_children.child_digest = manifests.digest)
    ORDER BY manifests.digest LIMIT ?2`),
  blobs: sql<[repository: string, limit: number], DigestRow>(`
    SELECT repository_blobs.digest FROM repositories
    JOIN repository_blobs ON repository_blobs.repository_id = repositories.id
    WHERE repositories.name = ?1 ORDER BY repository_blobs.digest LIMIT ?2`),
  tellOfTags: sql<Told>(`
    INSERT INTO events (id, at, action, repository, event, due_at)
    SELECT ?3 || '/' || tags.name, ?4, 'delete', ?1,
      json_set(?5, '$.id', ?3 || '/' || tags.name, '$.target.tag', tags.name), ?4
    FROM repositories
    JOIN tags ON tags.repository_id = repositories.id
    WHERE repositories.name = ?1 AND tags.digest IN (SELECT value FROM json_each(?2))`),
  tellOfBlobs: sql<Told>(`
    INSERT INTO events (id, at, action, repository, event, due_at)
    SELECT ?3 || '/' || digest, ?4, 'delete', ?1,
      json_set(?5, '$.id', ?3 || '/' || digest, '$.target.digest', digest, '$.target.kind', 'blob'), ?4
    FROM repositories
    JOIN repository_blobs ON repository_blobs.repository_id = repositories.id
    WHERE repositories.name = ?1 AND digest IN (SELECT value FROM json_each(?2))`),
  unlinkBlobs: sql<[repository: string, digests: string], DigestRow>(`
    DELETE FROM repository_blobs
    WHERE repository_id = (SELECT id FROM repositories WHERE name = ?1)
      AND digest IN (SELECT value FROM json_each(?2))
    RETURNING digest`),
  buryUnlinked: sql<[digests: string, deleteAfter: number]>(`
    INSERT OR IGNORE INTO tombstones (storage_key, delete_after)
    SELECT storage_key, ?2 FROM blobs
    WHERE digest IN (SELECT value FROM json_each(?1))
      AND NOT EXISTS (SELECT 1 FROM repository_blobs WHERE repository_blobs.digest = blobs.digest)`),
  dropUnlinked: sql<[digests: string]>(`
    DELETE FROM blobs
    WHERE digest IN (SELECT value FROM json_each(?1))
      AND NOT EXISTS (SELECT 1 FROM repository_blobs WHERE repository_blobs.digest = blobs.digest)`),
  forgetHistory: sql<[repository: string, limit: number]>(`
    DELETE FROM tag_history WHERE id IN (
      SELECT tag_history.id FROM repositories
      JOIN tag_history ON tag_history.repository_id = repositories.id
      WHERE repositories.name = ?1 LIMIT ?2)`),
  removeEmpty: sql<[repository: string]>(`
    DELETE FROM repositories
    WHERE name = ?1
      AND NOT EXISTS (SELECT 1 FROM manifests WHERE repository_id = repositories.id)
      AND NOT EXISTS (SELECT 1 FROM repository_blobs WHERE repository_id = repositories.id)
      AND NOT EXISTS (SELECT 1 FROM tag_history WHERE repository_id = repositories.id)`),
  find: sql<[repository: string], { found: 1 }>(
    `SELECT 1 AS found FROM repositories WHERE name = ?1`,
  ),
})

export interface Removed {
  manifests: number
  blobs: number
  /** Whether the repository is removed. If not, more is left. */
  complete: boolean
}

/**
 * Removes a repository in at most `steps` steps. Content that is pushed meanwhile is removed, too, or leaves the removal incomplete.
 * @param makeEvent makes the event of a step: a delete of the repository with a fresh id
 */
export async function removeRepository(
  db: Database,
  repository: string,
  steps: number,
  makeEvent: () => OutboxEvent,
): Promise<Removed> {
  const removed = { manifests: 0, blobs: 0 }
  for (let step = 0; step < steps; step += 1) {
    const manifests = await digestsOf(SQL.manifests(db, repository, STEP_ENTRIES))
    const blobs =
      manifests.length > 0 ? [] : await digestsOf(SQL.blobs(db, repository, STEP_ENTRIES))
    if (manifests.length > 0) {
      removed.manifests += await removeEntries(db, () =>
        manifestStatements(db, manifests, makeEvent()),
      )
    } else if (blobs.length > 0) {
      removed.blobs += await removeEntries(db, () =>
        blobStatements(db, repository, blobs, makeEvent()),
      )
    } else if (await removeEmpty(db, repository)) {
      return { ...removed, complete: true }
    }
  }
  return { ...removed, complete: false }
}

async function digestsOf(find: Query<DigestRow>): Promise<string[]> {
  const { results } = await find.all()
  return results.map(({ digest }) => digest)
}

/**
 * Makes a step. Only the statement that removes the entries returns rows, one for each. A step that is repeated after a lost answer has
 * fresh event ids and finds nothing to record. A step fails if a push has just referred to an entry. The next step sees that.
 */
async function removeEntries(db: Database, statements: () => Query<unknown>[]): Promise<number> {
  try {
    const results = await withRetries(() => runBatch(db, statements()), isPassing)
    return Math.max(...results.map(({ results: rows }) => rows.length))
  } catch (error) {
    if (isForeignKeyError(error)) return 0
    throw error
  }
}

function manifestStatements(
  db: Database,
  digests: readonly string[],
  event: OutboxEvent,
): Query<unknown>[] {
  const list = JSON.stringify(digests)
  return [
    SQL.tellOfTags(db, ...columnsOf(event, list)),
    ...removeListed(db, event, digests, Date.parse(event.timestamp)),
  ]
}

function blobStatements(
  db: Database,
  repository: string,
  digests: readonly string[],
  event: OutboxEvent,
): Query<unknown>[] {
  const list = JSON.stringify(digests)
  return [
    SQL.tellOfBlobs(db, ...columnsOf(event, list)),
    SQL.unlinkBlobs(db, repository, list),
    SQL.buryUnlinked(db, list, Date.now() + TOMBSTONE_GRACE_MS),
    SQL.dropUnlinked(db, list),
  ]
}

function columnsOf(event: OutboxEvent, digests: string): Told {
  const { id, timestamp, target } = event
  return [target.repository, digests, id, Date.parse(timestamp), eventJson(event)]
}

/** Returns whether the repository is removed. It stays if its tag history is long or a push has come. */
async function removeEmpty(db: Database, repository: string): Promise<boolean> {
  const results = await withRetries(
    () =>
      runBatch(db, [
        SQL.forgetHistory(db, repository, STEP_HISTORY),
        SQL.removeEmpty(db, repository),
        SQL.find(db, repository),
      ]),
    isPassing,
  )
  return results.at(-1)?.results.length === 0
}
