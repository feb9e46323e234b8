/** Removal of empty repositories. Triggers set the time of a review (migrations/0008_empty_repositories.sql). This file decides. */
import type { Database } from '../database/database.ts'
import { type Query, sql, statements } from '../database/statement.ts'

/** Manifests and blobs together are a repository's content. */
const IS_EMPTY = `
  NOT EXISTS (SELECT 1 FROM manifests WHERE manifests.repository_id = repository_reviews.repository_id)
  AND NOT EXISTS (
    SELECT 1 FROM repository_blobs
    WHERE repository_blobs.repository_id = repository_reviews.repository_id)`

const DUE = `
  SELECT repository_id FROM repository_reviews
  WHERE due_at <= ?1 AND ${IS_EMPTY} ORDER BY due_at LIMIT ?2`

const SQL = statements('empty-repositories', {
  // A repository with content needs no review until a trigger sets the next one.
  keep: sql<[now: number, limit: number]>(`
    DELETE FROM repository_reviews WHERE repository_id IN (
      SELECT repository_id FROM repository_reviews WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2)
    AND NOT (${IS_EMPTY})`),
  forgetHistory: sql<[now: number, limit: number, rows: number]>(`
    DELETE FROM tag_history WHERE id IN (
      SELECT id FROM tag_history WHERE repository_id IN (${DUE}) LIMIT ?3)`),
  // The review is removed with the repository.
  remove: sql<[now: number, limit: number], { name: string }>(`
    DELETE FROM repositories WHERE id IN (${DUE})
      AND NOT EXISTS (SELECT 1 FROM tag_history WHERE repository_id = repositories.id)
    RETURNING name`),
})

/** Rows of tag history that a run removes at most. */
const HISTORY_ROWS = 10_000

/**
 * The statements that remove up to `limit` empty repositories whose review is due. The last one returns their names. A repository with
 * a long history of tags takes several runs.
 */
export function removeEmptyRepositories(
  db: Database,
  now: number,
  limit: number,
): [keep: Query<never>, forgetHistory: Query<never>, remove: Query<{ name: string }>] {
  return [
    SQL.keep(db, now, limit),
    SQL.forgetHistory(db, now, limit, HISTORY_ROWS),
    SQL.remove(db, now, limit),
  ]
}
