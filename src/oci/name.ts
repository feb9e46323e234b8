/**
 * Repository names and tags as they stand in the path of a request. OCI distribution spec, "Pulling manifests"; a full
 * reference with a host is the business of reference.ts.
 */
import { RegistryError } from './errors.ts'

/** Characters of a repository name: what docker's references leave for host and path together. */
export const REPOSITORY_NAME_LIMIT = 255

/** Characters of a tag. */
export const TAG_LIMIT = 128

// Docker's own grammar lets the separator be empty (`[-]*`), which takes V8 exponential time; `-+` is the same language.
const PATH = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/

const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/

/**
 * Whether `s` is a repository name: components of lower-case letters and digits, joined within by one `.`, one or two
 * `_` or any number of `-`, separated by `/`; at most 255 characters.
 */
export function isRepositoryName(s: string): boolean {
  return s.length <= REPOSITORY_NAME_LIMIT && isPath(s)
}

/** Whether `s` has the form of a repository name, whatever its length. */
export function isPath(s: string): boolean {
  return PATH.test(s)
}

/**
 * Reads a repository name that a client sent.
 * @throws {RegistryError} NAME_INVALID, which says what a name looks like
 */
export function parseRepositoryName(s: string): string {
  if (isRepositoryName(s)) return s
  throw new RegistryError('NAME_INVALID', {
    message:
      s.length > REPOSITORY_NAME_LIMIT
        ? `invalid repository name: longer than ${REPOSITORY_NAME_LIMIT} characters`
        : 'invalid repository name: expected components of lower-case letters and digits, ' +
          'joined by ".", "_", "__" or "-" and separated by "/"',
    detail: { name: s.slice(0, 256) },
  })
}

/** Whether `s` is a tag: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`. */
export function isTag(s: string): boolean {
  return s.length <= TAG_LIMIT && TAG.test(s)
}

/**
 * Reads a tag that a client sent.
 * @throws {RegistryError} TAG_INVALID, which gives the grammar
 */
export function parseTag(s: string): string {
  if (isTag(s)) return s
  throw new RegistryError('TAG_INVALID', {
    message: 'invalid tag: expected [A-Za-z0-9_][A-Za-z0-9._-]{0,127}',
    detail: { tag: s.slice(0, 256) },
  })
}
