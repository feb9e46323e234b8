/**
 * Repository names and tags in the path of a request. OCI distribution spec, "Pulling manifests". For full references with a host
 * see reference.ts.
 */
import { RegistryError } from './errors.ts'

/** The maximum length of a repository name: docker's limit for host and path together. */
export const REPOSITORY_NAME_LIMIT = 255

/** The maximum length of a tag. */
export const TAG_LIMIT = 128

// Docker's own grammar allows an empty separator (`[-]*`), for which V8 needs exponential time; `-+` matches the same language.
const PATH = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/

const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/

/**
 * Whether `s` is a repository name: components separated by `/`, at most 255 characters in all. A component is lower-case letters
 * and digits, joined by one `.`, one or two `_`, or any number of `-`.
 */
export function isRepositoryName(s: string): boolean {
  return s.length <= REPOSITORY_NAME_LIMIT && isPath(s)
}

/** Whether `s` has the form of a repository name, regardless of its length. */
export function isPath(s: string): boolean {
  return PATH.test(s)
}

/**
 * Parses a repository name that a client sent.
 * @throws {RegistryError} NAME_INVALID; its message describes the format
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
 * Parses a tag that a client sent.
 * @throws {RegistryError} TAG_INVALID; its message gives the grammar
 */
export function parseTag(s: string): string {
  if (isTag(s)) return s
  throw new RegistryError('TAG_INVALID', {
    message: 'invalid tag: expected [A-Za-z0-9_][A-Za-z0-9._-]{0,127}',
    detail: { tag: s.slice(0, 256) },
  })
}
