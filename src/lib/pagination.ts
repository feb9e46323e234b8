/**
 * Pages of a list: `?n=` results after the entry `?last=`, and the `Link` to the next page (RFC 8288). OCI distribution spec,
 * "Listing Tags"; the limits are those of docker/distribution.
 */
import { RegistryError } from '../oci/errors.ts'

export interface PageLimits {
  /** Results on a page where the client names no number. */
  default: number
  /** The most that a page holds. */
  max: number
  /** What happens to a larger `n`: refused, or answered with `max` results and a Link. */
  above: 'refuse' | 'clamp'
}

/**
 * How many results the client wants.
 * @throws {RegistryError} PAGINATION_NUMBER_INVALID unless `n` is absent, empty, or a whole number that `limits` allow
 */
export function parsePageSize(n: string | undefined, limits: PageLimits): number {
  if (n === undefined || n === '') return Math.min(limits.default, limits.max)
  const size = /^[0-9]{1,15}$/.test(n) ? Number(n) : Number.NaN
  if (size <= limits.max) return size
  if (size > limits.max && limits.above === 'clamp') return limits.max
  throw new RegistryError('PAGINATION_NUMBER_INVALID', {
    message: `invalid number of results requested: n must be a whole number from 0 to ${limits.max}`,
    detail: { n: n.slice(0, 64) },
  })
}

export interface Page<T> {
  entries: T[]
  /** The entry after which the next page begins; undefined on the last page. */
  next: T | undefined
}

/** Cuts `found`, which was asked for with one more than `size`, to a page: the one more tells whether another follows. */
export function cutPage<T>(found: readonly T[], size: number): Page<T> {
  const entries = found.slice(0, size)
  return { entries, next: found.length > size ? entries.at(-1) : undefined }
}

/** The `Link` header of a page, with the query's parameters in alphabetical order as docker/distribution has them. */
export function nextLink(path: string, query: Record<string, string | number>): string {
  const parameters = new URLSearchParams()
  for (const key of Object.keys(query).sort()) parameters.set(key, String(query[key]))
  return `<${path}?${parameters}>; rel="next"`
}
