/**
 * The conditions of a trust rule: for each named claim the text that it must have, where `*` stands for any characters. The admin
 * API validates them with `claimConditionProblem`. A stored rule that does not pass this check is never met.
 */
import type { Json } from '../../oci/errors.ts'

/** From a claim's name to the pattern of its text. */
export type ClaimConditions = Readonly<Record<string, string>>

export type Claims = Readonly<Record<string, Json>>

const CONDITIONS_MAX = 16
const NAME_CHARACTERS = 128
const PATTERN_CHARACTERS = 512

/**
 * These claims are equal in all tokens of an issuer and audience, or different in each. A condition on them cannot tell jobs apart.
 */
const TELL_NOTHING = new Set(['iss', 'aud', 'exp', 'nbf', 'iat', 'jti'])

/** What is wrong with the conditions, as text for the administrator; null for valid ones. */
export function claimConditionProblem(conditions: ClaimConditions): string | null {
  const entries = Object.entries(conditions)
  if (entries.length > CONDITIONS_MAX) return `more than ${CONDITIONS_MAX} conditions`
  for (const [name, pattern] of entries) {
    if (name === '' || name.length > NAME_CHARACTERS) {
      return `a claim's name has 1 to ${NAME_CHARACTERS} characters`
    }
    if (TELL_NOTHING.has(name)) return `a condition on "${name}" tells nothing about the bearer`
    if (pattern === '' || pattern.length > PATTERN_CHARACTERS) {
      return `the pattern for "${name}" has 1 to ${PATTERN_CHARACTERS} characters`
    }
  }
  const demanding = entries.some(([, pattern]) => !/^\**$/.test(pattern))
  return demanding ? null : 'at least one condition has to ask for more than "*"'
}

/** The conditions of a stored rule; null for invalid ones. */
export function parseConditions(text: string): ClaimConditions | null {
  try {
    const value: unknown = JSON.parse(text)
    if (!isConditions(value) || claimConditionProblem(value) !== null) return null
    return value
  } catch {
    return null
  }
}

function isConditions(value: unknown): value is ClaimConditions {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.values(value).every((pattern) => typeof pattern === 'string')
}

export function meetsConditions(claims: Claims, conditions: ClaimConditions): boolean {
  return Object.entries(conditions).every(([name, pattern]) => {
    // Own properties only: a claim may be called `constructor`.
    const claim = Object.hasOwn(claims, name) ? claims[name] : undefined
    return textsOf(claim ?? null).some((text) => matchesGlob(pattern, text))
  })
}

/** The texts of a claim. Any element of an array may match. */
function textsOf(claim: Json): string[] {
  const values: readonly Json[] = Array.isArray(claim) ? claim : [claim]
  return values.flatMap((value) => {
    if (typeof value === 'string') return [value]
    if (typeof value === 'boolean') return [String(value)]
    // Beyond this, two different numbers can parse to the same value.
    const exact = typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER
    return exact ? [String(value)] : []
  })
}

/**
 * Whether the whole `text` matches. Each piece between two stars is matched at its first occurrence, which leaves most text to the
 * others. So nothing is tried twice, however many stars there are.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return text === first
  if (!text.startsWith(first)) return false
  let at = first.length
  for (const piece of rest) {
    const found = text.indexOf(piece, at)
    if (found < 0) return false
    at = found + piece.length
  }
  return text.length - last.length >= at && text.endsWith(last)
}
