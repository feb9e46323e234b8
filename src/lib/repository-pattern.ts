/**
 * Patterns that say which repositories a grant is for: a name (`team/app`), all names directly under one (`team/*`), or all
 * names anywhere under one (`team/**`); `*` and `**` alone stand under the root. They match whole path segments, so that `team/*`
 * never reaches `team-b/app` or `team`.
 */
import { isRepositoryName } from '../oci/name.ts'

/** Of two patterns, one contains the other or they have no repository in common: the set of all patterns is a tree. */
export type RepositoryPattern = string

interface Parsed {
  /** '' or what names under the pattern begin with, up to and with a slash; of a plain name, the name itself. */
  prefix: string
  depth: 'exact' | 'children' | 'descendants'
}

export function isRepositoryPattern(text: string): boolean {
  const { prefix, depth } = parse(text)
  if (depth === 'exact') return isRepositoryName(text)
  return prefix === '' || isRepositoryName(prefix.slice(0, -1))
}

export function matchesPattern(pattern: RepositoryPattern, repository: string): boolean {
  const { prefix, depth } = parse(pattern)
  if (depth === 'exact') return repository === prefix
  if (!repository.startsWith(prefix) || repository.length === prefix.length) return false
  return depth === 'descendants' || !repository.includes('/', prefix.length)
}

/** The repositories of both; null where they have none in common. */
export function intersectPatterns(
  one: RepositoryPattern,
  other: RepositoryPattern,
): RepositoryPattern | null {
  if (contains(one, other)) return other
  return contains(other, one) ? one : null
}

function contains(outer: RepositoryPattern, inner: RepositoryPattern): boolean {
  const [{ prefix, depth }, within] = [parse(outer), parse(inner)]
  if (within.depth === 'exact') return matchesPattern(outer, within.prefix)
  if (depth === 'exact') return false
  if (depth === 'descendants') return within.prefix.startsWith(prefix)
  return within.depth === 'children' && within.prefix === prefix
}

function parse(pattern: RepositoryPattern): Parsed {
  const [, prefix, stars] = /^((?:.*\/)?)(\*\*?)$/s.exec(pattern) ?? []
  if (prefix === undefined) return { prefix: pattern, depth: 'exact' }
  return { prefix, depth: stars === '*' ? 'children' : 'descendants' }
}
