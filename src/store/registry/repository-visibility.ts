/**
 * Whether a repository is public. No column says so: a repository is public if a grant of `anonymous` lets everybody pull, on its
 * exact name or on a pattern that contains it. Making a repository public adds the grant on its exact name.
 */

import type { RepositoryPattern } from '../../lib/repository-pattern.ts'
import { type ChangedBy, noteChange } from '../access/audit.ts'
import type { Database } from '../database/database.ts'
import { type Query, runBatch, sql, statements } from '../database/statement.ts'
import { patternsAround } from './visible-repositories.ts'

export type Visibility = 'public' | 'private'

/** `actions` is a JSON array of plain names. */
const LETS_PULL = `(instr(actions, '"pull"') > 0 OR instr(actions, '"admin"') > 0)`

interface PatternRow {
  pattern: RepositoryPattern
}

const SQL = statements('repository-visibility', {
  patterns: sql<[wanted: string], PatternRow>(`
    SELECT pattern FROM json_each(?1) AS wanted
    CROSS JOIN grants
      ON principal_kind = 'anonymous' AND principal = '' AND pattern = wanted.value
    WHERE ${LETS_PULL}`),
  find: sql<[name: string], { created_at: number; tags: number }>(`
    SELECT created_at, (
      SELECT count(*) FROM tags WHERE tags.repository_id = repositories.id) AS tags
    FROM repositories WHERE name = ?1`),
  publish: sql<[name: string, now: number]>(`
    INSERT INTO grants (principal_kind, principal, pattern, actions, created_at)
    SELECT 'anonymous', '', name, '["pull"]', ?2 FROM repositories WHERE name = ?1
    ON CONFLICT (principal_kind, principal, pattern)
      DO UPDATE SET actions = json_insert(actions, '$[#]', 'pull') WHERE NOT ${LETS_PULL}`),
  hide: sql<[name: string, around: string]>(`
    DELETE FROM grants
    WHERE principal_kind = 'anonymous' AND principal = '' AND pattern = ?1 AND ${LETS_PULL}
      AND NOT EXISTS (
        SELECT 1 FROM json_each(?2) AS outer
        CROSS JOIN grants
          ON principal_kind = 'anonymous' AND principal = '' AND pattern = outer.value
        WHERE ${LETS_PULL})`),
})

/** The repositories among `names` that everybody may pull. */
export async function publicAmong(
  db: Database,
  names: readonly string[],
): Promise<ReadonlySet<string>> {
  const around = new Map(names.map((name) => [name, [name, ...patternsAround(name)]]))
  const publicPatterns = new Set(await publicPatternsOf(db, [...around.values()].flat()))
  const isPublic = (name: string) => around.get(name)?.some((one) => publicPatterns.has(one))
  return new Set(names.filter(isPublic))
}

/** The patterns among `patterns` on which everybody may pull. */
async function publicPatternsOf(
  db: Database,
  patterns: readonly RepositoryPattern[],
): Promise<RepositoryPattern[]> {
  const statement = patternsStatement(db, [...new Set(patterns)])
  const { results } = await statement.all()
  return results.map(({ pattern }) => pattern)
}

function patternsStatement(
  db: Database,
  patterns: readonly RepositoryPattern[],
): Query<PatternRow> {
  return SQL.patterns(db, JSON.stringify(patterns))
}

export interface RepositoryFacts {
  /** Milliseconds since the epoch. */
  createdAt: number
  tags: number
}

/** @returns null if the repository does not exist */
export async function findRepository(db: Database, name: string): Promise<RepositoryFacts | null> {
  const row = await SQL.find(db, name).first()
  return row && { createdAt: row.created_at, tags: row.tags }
}

/**
 * Makes an existing repository public or private. If grants on wider patterns make it public, it cannot become private: then nothing
 * is changed, and these patterns are returned.
 */
export async function setVisibility(
  db: Database,
  by: ChangedBy,
  name: string,
  visibility: Visibility,
): Promise<readonly RepositoryPattern[]> {
  const around = patternsAround(name)
  const statement =
    visibility === 'public'
      ? SQL.publish(db, name, by.at)
      : SQL.hide(db, name, JSON.stringify(around))
  const action = visibility === 'public' ? 'repository.publish' : 'repository.hide'
  const [, , outer] = await runBatch(db, [
    statement,
    noteChange(db, by, { action, target: name, detail: {} }),
    patternsStatement(db, around),
  ])
  return visibility === 'public' ? [] : outer.results.map(({ pattern }) => pattern)
}
