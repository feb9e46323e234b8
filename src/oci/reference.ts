/**
 * References to content in a registry, with the grammar of distribution/reference:
 *
 *     reference = name [":" tag] ["@" digest]
 *     name      = [host "/"] path                       at most 255 characters, host included
 *     host      = (label *("." label) / "[" ipv6 "]") [":" 1*DIGIT]
 *     label     = letters and digits, "-" within
 *     path      = component *("/" component)            as in name.ts
 *     tag       = [A-Za-z0-9_][A-Za-z0-9._-]{0,127}
 *
 * A part before the first slash is the host if it can be one. So `test:5000` is a name with a tag, `test:5000/repo` a path on a
 * host, and `test_com/repo` a path without a host. Every function takes time linear in its input.
 */
import { type Digest, parseDigest } from './digest.ts'
import { RegistryError } from './errors.ts'
import { isPath, parseTag, REPOSITORY_NAME_LIMIT } from './name.ts'

export interface Reference {
  /** '' if the reference has none. */
  readonly host: string
  readonly path: string
  readonly tag?: string
  readonly digest?: Digest
}

const HOST =
  /^(?:[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*(?:\.[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*)*|\[[A-Fa-f0-9:]+\])(?::[0-9]+)?$/

/** Whether `s` is a valid host, with or without a port. Its length is part of the name's limit. */
export function isHost(s: string): boolean {
  return HOST.test(s)
}

/**
 * Parses a reference as written, without defaults.
 * @throws {RegistryError} NAME_INVALID, TAG_INVALID or DIGEST_INVALID
 */
export function parseReference(s: string): Reference {
  const at = s.indexOf('@')
  const tagged = at === -1 ? s : s.slice(0, at)
  // A colon before the last slash belongs to the host.
  const colon = tagged.indexOf(':', tagged.lastIndexOf('/') + 1)
  const name = parseName(colon === -1 ? tagged : tagged.slice(0, colon))
  const withOptionalTag = colon === -1 ? name : withTag(name, tagged.slice(colon + 1))
  return at === -1 ? withOptionalTag : withDigest(withOptionalTag, s.slice(at + 1))
}

/** The text of a reference. parseReference parses it to an equal reference. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`
  return `${formatName(reference)}${tag}${digest}`
}

/** Host and path, without tag and digest. */
export function formatName(reference: Reference): string {
  return reference.host === '' ? reference.path : `${reference.host}/${reference.path}`
}

/**
 * Parses a name without tag and digest.
 * @throws {RegistryError} NAME_INVALID
 */
export function parseName(name: string): Reference {
  if (name === '') throw invalidName(name, 'empty')
  if (name.length > REPOSITORY_NAME_LIMIT) {
    throw invalidName(name, `longer than ${REPOSITORY_NAME_LIMIT} characters`)
  }
  const split = splitHostname(name)
  if (split !== undefined) return split
  if (splitHostname(name.toLowerCase()) !== undefined) {
    throw invalidName(name, 'must be lower-case')
  }
  throw invalidName(
    name,
    'expected [host[:port]/]path, where a path has components of lower-case letters and digits, ' +
      'joined by ".", "_", "__" or "-" and separated by "/"',
  )
}

/** Splits a name into host ('' if there is none) and path; undefined for an invalid name. Does not check the length. */
export function splitHostname(name: string): { host: string; path: string } | undefined {
  const slash = name.indexOf('/')
  const first = name.slice(0, Math.max(slash, 0))
  const split = isHost(first)
    ? { host: first, path: name.slice(slash + 1) }
    : { host: '', path: name }
  return isPath(split.path) ? split : undefined
}

/**
 * The reference with this tag instead of its own. The digest stays.
 * @throws {RegistryError} TAG_INVALID
 */
export function withTag(reference: Reference, tag: string): Reference {
  return { ...reference, tag: parseTag(tag) }
}

/**
 * The reference with this digest instead of its own. The tag stays.
 * @throws {RegistryError} DIGEST_INVALID
 */
export function withDigest(reference: Reference, digest: string): Reference {
  return { ...reference, digest: parseDigest(digest) }
}

/** The reference without tag and digest. */
export function nameOnly(reference: Reference): Reference {
  return { host: reference.host, path: reference.path }
}

export function invalidName(name: string, problem: string): RegistryError {
  return new RegistryError('NAME_INVALID', {
    message: `invalid repository name: ${problem}`,
    detail: { name: name.slice(0, 256) },
  })
}
