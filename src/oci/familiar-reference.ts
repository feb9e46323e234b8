/**
 * The short names that people type, and their full form: `redis` is `docker.io/library/redis`. The rules are those of docker's
 * command line, implemented in distribution/reference.
 */
import { type Digest, isDigest } from './digest.ts'
import {
  formatReference,
  invalidName,
  nameOnly,
  parseReference,
  type Reference,
  withDigest,
  withTag,
} from './reference.ts'

export const DEFAULT_HOST = 'docker.io'
export const DEFAULT_TAG = 'latest'

const LEGACY_DEFAULT_HOST = 'index.docker.io'
const OFFICIAL_PREFIX = 'library/'

const IDENTIFIER = /^[0-9a-f]{64}$/

/**
 * Parses the name that a person typed. Adds the default host and, on Docker Hub, `library/`, but no tag.
 * @throws {RegistryError} NAME_INVALID (also for 64 hex digits alone: they would be read as an image id), TAG_INVALID or
 * DIGEST_INVALID
 */
export function parseFamiliarReference(s: string): Reference {
  if (s === '') throw invalidName(s, 'empty')
  if (IDENTIFIER.test(s)) throw invalidName(s, '64 hexadecimal digits are an image id')
  const { host, remainder } = splitDefaultHost(s)
  return parseReference(`${host}/${remainder}`)
}

/**
 * Parses the text that a person typed where an image id or a digest is allowed too.
 * @returns a digest for `sha256:…` and for 64 hex digits; otherwise a reference with defaults
 * @throws {RegistryError} NAME_INVALID, TAG_INVALID or DIGEST_INVALID
 */
export function parseAnyReference(s: string): Reference | { readonly digest: Digest } {
  if (IDENTIFIER.test(s)) return { digest: `sha256:${s}` }
  return isDigest(s) ? { digest: s } : parseFamiliarReference(s)
}

/** The shortest text that parseFamiliarReference parses to an equal reference. */
export function formatFamiliar(reference: Reference): string {
  const full = formatReference(reference)
  if (reference.host !== DEFAULT_HOST) return full
  const remote = full.slice(`${DEFAULT_HOST}/`.length)
  const official = remote.startsWith(OFFICIAL_PREFIX)
    ? remote.slice(OFFICIAL_PREFIX.length)
    : remote
  return [official, remote].find((text) => readsAs(text, full)) ?? full
}

/** The familiar form of a reference's name, without tag and digest. */
export function familiarName(reference: Reference): string {
  return formatFamiliar(nameOnly(reference))
}

/** The reference with the tag `latest`, unless it has a tag or a digest. */
export function withDefaultTag(reference: Reference): Reference {
  const isNameOnly = reference.tag === undefined && reference.digest === undefined
  return isNameOnly ? withTag(reference, DEFAULT_TAG) : reference
}

/**
 * The reference that docker pulls for the text that a person typed: by digest if there is one (then without the tag), otherwise by
 * tag.
 * @throws {RegistryError} NAME_INVALID, TAG_INVALID or DIGEST_INVALID
 */
export function parsePullReference(s: string): Reference {
  const reference = parseFamiliarReference(s)
  if (reference.digest === undefined) return withDefaultTag(reference)
  return withDigest(nameOnly(reference), reference.digest)
}

/** Whether the first part is a host: `localhost`, or text that cannot be a path component of Docker Hub. */
function splitDefaultHost(s: string): { host: string; remainder: string } {
  const slash = s.indexOf('/')
  const first = s.slice(0, Math.max(slash, 0))
  const isHost = first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase()
  const host = isHost && first !== LEGACY_DEFAULT_HOST ? first : DEFAULT_HOST
  const rest = isHost ? s.slice(slash + 1) : s
  const needsPrefix = host === DEFAULT_HOST && !rest.includes('/')
  return { host, remainder: needsPrefix ? OFFICIAL_PREFIX + rest : rest }
}

/**
 * Whether the text parses back to `full`. Docker Hub's `localhost/x` or `a.b/c` would parse as another host, and 64 hex digits as
 * an image id.
 */
function readsAs(text: string, full: string): boolean {
  if (IDENTIFIER.test(text)) return false
  const { host, remainder } = splitDefaultHost(text)
  return `${host}/${remainder}` === full
}
