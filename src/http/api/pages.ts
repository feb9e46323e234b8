/** Pages of the administration API's lists: the Link header leads to the next one. */
import type { Context } from 'hono'
import { cutPage, nextLink } from '../../lib/pagination.ts'
import type { AppEnv } from '../middleware/context.ts'
import { prefixedPath } from '../middleware/locations.ts'
import { PAGE_DEFAULT } from './schemas.ts'

/**
 * Finds a page of `n` entries, and one more, which tells whether another page follows: that is linked to by the request's own
 * query, with what `cursor` says of the page's last entry.
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
