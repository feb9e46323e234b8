/** Pages of the administration API's lists. The Link header leads to the next page. */
import type { Context } from 'hono'
import { cutPage, nextLink } from '../../lib/pagination.ts'
import type { AppEnv } from '../middleware/context.ts'
import { prefixedPath } from '../middleware/locations.ts'
import { PAGE_DEFAULT } from './schemas.ts'

/**
 * Reads a page of `n` entries, and one entry more to see whether another page follows. The link to that page is the request's own query,
 * with the `cursor` of the last entry.
 */
export async function page<T>(
  c: Context<AppEnv>,
  n: number | undefined,
  find: (limit: number) => Promise<T[]>,
  cursor: (last: T) => Record<string, string | number>,
): Promise<T[]> {
  const size = n ?? PAGE_DEFAULT
  const { entries, next } = cutPage(await find(size + 1), size)
  if (next !== undefined) {
    const path = prefixedPath(c.var.settings, c.req.path)
    c.header('Link', nextLink(path, { ...c.req.query(), n: size, ...cursor(next) }))
  }
  return entries
}
