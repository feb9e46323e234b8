/**
 * The list of the repositories that a caller may see and that have a manifest. The caller's patterns become ordered ranges of names
 * without overlap. One statement walks through them by the index. It does not read the names between them.
 */

import type { RepositoryPattern } from '../../lib/repository-pattern.ts'
import type { Database } from '../database/database.ts'
import { sql, statements } from '../database/statement.ts'

/**
 * Each step of `walk` is one seek, so its rows come in order. ?1 is a JSON array of spans. If a name has a slash after the `depth` of
 * its span, the walk leaps over all names that begin with the same path. '0' is the character after '/'. ' ' sorts before all
 * characters of names.
 */
const SQL = statements('visible-repositories', {
  all: sql<[last: string, limit: number, contains: string], { name: string }>(`
    SELECT name FROM repositories
    WHERE name > ?1 AND instr(name, ?3) > 0
      AND EXISTS (SELECT 1 FROM manifests WHERE manifests.repository_id = repositories.id)
    ORDER BY name LIMIT ?2`),
  walk: sql<[spans: string, limit: number, contains: string], { name: string }>(`
    WITH RECURSIVE walk (span, depth, name) AS (
      SELECT -1, NULL, NULL
      UNION ALL
      SELECT
        span + (name IS NULL),
        json_extract(?1, '$[' || (span + (name IS NULL)) || '][2]'),
        (SELECT repositories.name FROM repositories
          WHERE repositories.name < json_extract(?1, '$[' || (span + (walk.name IS NULL)) || '][1]')
            AND repositories.name >= CASE
              WHEN walk.name IS NULL THEN json_extract(?1, '$[' || (span + 1) || '][0]')
              WHEN instr(substr(walk.name, depth + 1), '/') > 0
                THEN substr(walk.name, 1, depth + instr(substr(walk.name, depth + 1), '/') - 1) || '0'
              ELSE walk.name || ' '
            END
          ORDER BY repositories.name LIMIT 1)
      FROM walk WHERE span + (name IS NULL) < json_array_length(?1)
    )
    SELECT name FROM walk
    WHERE instr(name, ?3) > 0 AND ifnull(instr(substr(name, depth + 1), '/'), 0) = 0
      AND EXISTS (
        SELECT 1 FROM repositories JOIN manifests ON manifests.repository_id = repositories.id
        WHERE repositories.name = walk.name)
    LIMIT ?2`),
})

/** Sorts after every name: '{' is the character after 'z'. */
const END = '{'

/** The names from `from` up to, but not including, `to`. If `depth` is not null: only names without a slash after so many characters. */
type Span = readonly [from: string, to: string, depth: number | null]

export interface NamesWanted {
  /** The list begins after this name; '' for the beginning. */
  last: string
  limit: number
  /** Only names that contain this text; '' for all. */
  contains?: string
}

/** The repositories that match one of the `patterns` (null: all repositories), in byte order of names. */
export async function listVisibleRepositories(
  db: Database,
  patterns: readonly RepositoryPattern[] | null,
  { last, limit, contains = '' }: NamesWanted,
): Promise<string[]> {
  const statement =
    patterns === null || patterns.includes('**')
      ? SQL.all(db, last, limit, contains)
      : SQL.walk(db, JSON.stringify(spansAfter(last, patterns)), limit, contains)
  const { results } = await statement.all()
  return results.map(({ name }) => name)
}

/** The spans of the patterns, as JSON for `walk`. */
export function spansJson(patterns: readonly RepositoryPattern[]): string {
  return JSON.stringify(spansOf(patterns))
}

function spansAfter(last: string, patterns: readonly RepositoryPattern[]): Span[] {
  const first = `${last} `
  return spansOf(patterns).flatMap(([from, to, depth]): Span[] =>
    to <= first ? [] : [[from < first ? first : from, to, depth]],
  )
}

/**
 * The spans of the patterns, in order and without overlap. The span of a pattern may lie within that of another, which is then cut in
 * two: `team/*` does not contain the repositories of `team/app/**`, but its names lie around them.
 */
function spansOf(patterns: readonly RepositoryPattern[]): Span[] {
  const spans: Span[] = []
  const open: Span[] = []
  let at = ''
  const takeUpTo = (to: string) => {
    const depth = open.at(-1)?.[2]
    if (depth !== undefined && at < to) spans.push([at, to, depth])
    at = to
  }
  const closeUpTo = (from: string) => {
    for (let inner = open.at(-1); inner !== undefined && inner[1] <= from; inner = open.at(-1)) {
      takeUpTo(inner[1])
      open.pop()
    }
  }
  const outerFirst = (one: Span, other: Span) =>
    one[0] === other[0] ? (one[1] < other[1] ? 1 : -1) : one[0] < other[0] ? -1 : 1
  for (const span of withoutContained(patterns).map(spanOf).sort(outerFirst)) {
    closeUpTo(span[0])
    takeUpTo(span[0])
    open.push(span)
  }
  closeUpTo(END)
  return spans
}

function withoutContained(patterns: readonly RepositoryPattern[]): RepositoryPattern[] {
  const all = new Set(patterns)
  return [...all].filter((pattern) => !patternsAround(pattern).some((outer) => all.has(outer)))
}

/** All other patterns that contain this one. For `a/b` they are `a/*`, `a/**` and `**`. */
export function patternsAround(pattern: RepositoryPattern): RepositoryPattern[] {
  const segments = pattern.split('/')
  const last = segments.at(-1)
  const above = segments.map((_, count) => [...segments.slice(0, count), '**'].join('/'))
  if (last === '**') return above.slice(0, -1)
  return last === '*' ? above : [...above, [...segments.slice(0, -1), '*'].join('/')]
}

function spanOf(pattern: RepositoryPattern): Span {
  const stars = pattern.endsWith('**') ? 2 : pattern.endsWith('*') ? 1 : 0
  if (stars === 0) return [pattern, `${pattern} `, null]
  const prefix = pattern.slice(0, -stars)
  const to = prefix === '' ? END : `${prefix.slice(0, -1)}0`
  return [prefix, to, stars === 1 ? prefix.length : null]
}
