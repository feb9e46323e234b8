/** The sweep of tombstones: deletes bytes whose rows were deleted long enough ago. It can stop anywhere and be repeated. */

import type { BlobStore } from '../store/bytes/blob-store.ts'
import { claimTombstones, noteRemoved } from '../store/bytes/tombstones.ts'
import type { Database } from '../store/database/database.ts'

/**
 * A round is three calls. All hourly jobs together make fewer than 50 calls, the Free plan's limit per invocation. So the sweep
 * removes up to 144,000 objects a day.
 */
const ROUNDS_AT_MOST = 6

/** Deletes buried bytes that are due. Returns how many objects it deleted. */
export async function sweepTombstones(
  db: Database,
  store: BlobStore,
  now: number,
): Promise<number> {
  const keysAtOnce = store.limits.removedKeys
  let swept = 0
  for (let round = 0; round < ROUNDS_AT_MOST; round++) {
    // Claimed first: after that no row can name the key. Keys that a crash leaves claimed are claimed again.
    const keys = await claimTombstones(db, now, keysAtOnce)
    if (keys.length === 0) break
    await store.remove(keys)
    await noteRemoved(db, keys, now)
    swept += keys.length
    if (keys.length < keysAtOnce) break
  }
  return swept
}
