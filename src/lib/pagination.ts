/**
 * Pages of a list: `?n=` results after the entry `?last=`, and the `Link` to the next page (RFC 8288). OCI distribution spec,
 * "Listing Tags"; the limits are those of docker/distribution.
 */
import { RegistryError } from '../oci/errors.ts'

export interface PageLimits {
  /** Results on a page where the client does not say. */
  default: number
  /** The most that a page holds. */
  max: number
  /** How a larger `n` is handled: refused, or answered with `max` results and a Link. */
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

/** Cuts `found` to a page. The query asked for one more than `size`; that one says whether another page follows. */
export function cutPage<T>(found: readonly T[], size: number): Page<T> {
  const entries = found.slice(0, size)
  return { entries, next: found.length > size ? entries.at(-1) : undefined }
}

/** The `Link` header of a page. The query parameters are in alphabetical order, as in docker/distribution. */
export function nextLink(path: string, query: Record<string, string | number>): string {
  const parameters = new URLSearchParams()
  for (const key of Object.keys(query).sort()) parameters.set(key, String(query[key]))
  return `<${path}?${parameters}>; rel="next"`
}
