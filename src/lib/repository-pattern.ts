/**
 * Patterns for the repositories of a grant: a name (`team/app`), all names directly under one (`team/*`), or all names anywhere
 * under one (`team/**`). `*` and `**` alone do the same for the root. Patterns match whole path segments, so `team/*` matches
 * neither `team-b/app` nor `team`.
 */
import { isRepositoryName } from '../oci/name.ts'

/** Two patterns are either nested or disjoint: the set of all patterns is a tree. */
export type RepositoryPattern = string

interface Parsed {
  /** The name for an exact pattern. Otherwise what matching names begin with: '' or a path with its final slash. */
  prefix: string
  depth: 'exact' | 'children' | 'descendants'
}

export function isRepositoryPattern(text: string): boolean {
  const { prefix, depth } = parsePattern(text)
  if (depth === 'exact') return isRepositoryName(text)
  return prefix === '' || isRepositoryName(prefix.slice(0, -1))
}

export function matchesPattern(pattern: RepositoryPattern, repository: string): boolean {
  const { prefix, depth } = parsePattern(pattern)
  if (depth === 'exact') return repository === prefix
  if (!repository.startsWith(prefix) || repository.length === prefix.length) return false
  return depth === 'descendants' || !repository.includes('/', prefix.length)
}

/** The pattern of the repositories that both match; null where there are none. */
export function intersectPatterns(
  one: RepositoryPattern,
  other: RepositoryPattern,
): RepositoryPattern | null {
  if (contains(one, other)) return other
  return contains(other, one) ? one : null
}

function contains(outer: RepositoryPattern, inner: RepositoryPattern): boolean {
  const [{ prefix, depth }, within] = [parsePattern(outer), parsePattern(inner)]
  if (within.depth === 'exact') return matchesPattern(outer, within.prefix)
  if (depth === 'exact') return false
  if (depth === 'descendants') return within.prefix.startsWith(prefix)
  return within.depth === 'children' && within.prefix === prefix
}

function parsePattern(pattern: RepositoryPattern): Parsed {
  const [, prefix, stars] = /^((?:.*\/)?)(\*\*?)$/s.exec(pattern) ?? []
  if (prefix === undefined) return { prefix: pattern, depth: 'exact' }
  return { prefix, depth: stars === '*' ? 'children' : 'descendants' }
}
