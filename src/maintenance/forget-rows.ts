/**
 * Deletes rows that are no longer needed: tombstones whose bytes are long gone, counts of old failed logins, and repositories that
 * have been empty for a day. All in one batch: on the Free plan the hourly run has few calls.
 */

import { forgetFailedLogins } from '../store/access/failed-logins.ts'
import { forgetTombstones } from '../store/bytes/tombstones.ts'
import type { Database } from '../store/database/database.ts'
import { runBatch } from '../store/database/statement.ts'
import { removeEmptyRepositories } from '../store/registry/empty-repositories.ts'

/** As many as one hourly sweep can remove, so that tombstones of removed objects do not accumulate. */
const TOMBSTONES_AT_MOST = 6000

const FAILED_LOGINS_AT_MOST = 10_000

const REPOSITORIES_AT_MOST = 1000

/** Returns how many empty repositories were removed; any others wait for the next hour. */
export async function forgetRows(db: Database, now: number): Promise<number> {
  const results = await runBatch(db, [
    forgetTombstones(db, now, TOMBSTONES_AT_MOST),
    forgetFailedLogins(db, now, FAILED_LOGINS_AT_MOST),
    ...removeEmptyRepositories(db, now, REPOSITORIES_AT_MOST),
  ])
  return results.at(-1)?.results.length ?? 0
}
