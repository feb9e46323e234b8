/** The sweep: bytes whose rows are gone long enough go too. Run by the cron trigger; it may stop anywhere and begin again. */

import type { BlobStore } from '../store/blob-store.ts'
import type { Database } from '../store/database.ts'
import { dueTombstones, forgetTombstones } from '../store/tombstones.ts'

/** What one deletion takes (R2: 1,000 keys), and how many of them one run makes, within a Worker's limit of subrequests. */
const KEYS_AT_ONCE = 1000
const ROUNDS_AT_MOST = 20

/** Deletes buried bytes that are due; returns how many objects went. */
export async function sweepTombstones(
  db: Database,
  store: BlobStore,
  now: number,
): Promise<number> {
  let swept = 0
  for (let round = 0; round < ROUNDS_AT_MOST; round++) {
    const keys = await dueTombstones(db, now, KEYS_AT_ONCE)
    if (keys.length === 0) break
    // Bytes first: a crash between the two finds the tombstones again.
    await store.remove(keys)
    await forgetTombstones(db, keys)
    swept += keys.length
  }
  return swept
}
