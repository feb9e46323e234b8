/**
 * The conditions of a trust rule: names of claims, and for each the text that it must have, where `*` stands for any
 * characters. The admin API validates them with `claimConditionProblem`, and a rule that would not pass is never met.
 */
import type { Json } from '../oci/errors.ts'

/** From a claim's name to the pattern of its text. */
export type ClaimConditions = Readonly<Record<string, string>>

export type Claims = Readonly<Record<string, Json>>

const CONDITIONS_MAX = 16
const NAME_CHARACTERS = 128
const PATTERN_CHARACTERS = 512

/** The same in all tokens of an issuer and audience, or different in each: no condition on them tells one job from another. */
const TELL_NOTHING = new Set(['iss', 'aud', 'exp', 'nbf', 'iat', 'jti'])

/** What is wrong with conditions, in words for the administrator; null for good ones. */
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

/** The conditions of a stored rule; null for what is none, or should not have been stored. */
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
    // Not what objects inherit: a claim may be called `constructor`.
    const claim = Object.hasOwn(claims, name) ? claims[name] : undefined
    return textsOf(claim ?? null).some((text) => matchesGlob(pattern, text))
  })
}

/** Of an array, those of its elements, any of which may match. */
function textsOf(claim: Json): string[] {
  const values: readonly Json[] = Array.isArray(claim) ? claim : [claim]
  return values.flatMap((value) => {
    if (typeof value === 'string') return [value]
    if (typeof value === 'boolean') return [String(value)]
    // Beyond this, two different numbers are read as the same.
    const exact = typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER
    return exact ? [String(value)] : []
  })
}

/**
 * Whether all of `text` matches. Each piece between two stars is taken where it comes first, which leaves most to the others:
 * nothing is tried twice, however many stars there are.
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
