/**
 * Rows that nobody needs any more: tombstones whose bytes are long gone, counts of old failed logins, and repositories in which
 * nothing has been left for a day.
 * All of them in one call: the Free plan gives the hourly run few.
 */
import type { Database } from '../store/database.ts'
import { removeEmptyRepositories } from '../store/empty-repositories.ts'
import { forgetFailedLogins } from '../store/failed-logins.ts'
import { forgetTombstones } from '../store/tombstones.ts'

/** As many as the sweep of an hour can remove, so that the tombstones of removed objects never pile up. */
const TOMBSTONES_AT_MOST = 6000

const FAILED_LOGINS_AT_MOST = 10_000

const REPOSITORIES_AT_MOST = 1000

/** Returns how many empty repositories went; more of them wait for the next hour. */
export async function forgetRows(db: Database, now: number): Promise<number> {
  const results = await db.batch([
    forgetTombstones(db, now, TOMBSTONES_AT_MOST),
    forgetFailedLogins(db, now, FAILED_LOGINS_AT_MOST),
    ...removeEmptyRepositories(db, now, REPOSITORIES_AT_MOST),
  ])
  return results.at(-1)?.results.length ?? 0
}
