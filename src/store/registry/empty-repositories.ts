/** Repositories in which nothing is left. Triggers say when to look (migrations/0008_empty_repositories.sql); here it is decided. */
import type { Database } from '../database/database.ts'
import { type Query, sql, statements } from '../database/statement.ts'

/** Of both kinds, which together are a repository's content. */
const IS_EMPTY = `
  NOT EXISTS (SELECT 1 FROM manifests WHERE manifests.repository_id = repository_reviews.repository_id)
  AND NOT EXISTS (
    SELECT 1 FROM repository_blobs
    WHERE repository_blobs.repository_id = repository_reviews.repository_id)`

const DUE = `
  SELECT repository_id FROM repository_reviews
  WHERE due_at <= ?1 AND ${IS_EMPTY} ORDER BY due_at LIMIT ?2`

const SQL = statements('empty-repositories', {
  // Those with content need no more looks until a trigger asks for one.
  keep: sql<[now: number, limit: number]>(`
    DELETE FROM repository_reviews WHERE repository_id IN (
      SELECT repository_id FROM repository_reviews WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2)
    AND NOT (${IS_EMPTY})`),
  forgetHistory: sql<[now: number, limit: number, rows: number]>(`
    DELETE FROM tag_history WHERE id IN (
      SELECT id FROM tag_history WHERE repository_id IN (${DUE}) LIMIT ?3)`),
  // Its review goes with it.
  remove: sql<[now: number, limit: number], { name: string }>(`
    DELETE FROM repositories WHERE id IN (${DUE})
      AND NOT EXISTS (SELECT 1 FROM tag_history WHERE repository_id = repositories.id)
    RETURNING name`),
})

/** Tag changes that a run forgets at most. */
const HISTORY_ROWS = 10_000

/**
 * The statements that remove up to `limit` empty repositories whose time has come, and return their names at last. One with a long
 * history of tags takes several runs.
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
