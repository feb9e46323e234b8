/** The sweep of tombstones: bytes whose rows are gone long enough go too. It may stop anywhere and begin again. */

import type { BlobStore } from '../store/blob-store.ts'
import type { Database } from '../store/database.ts'
import { claimTombstones, noteRemoved } from '../store/tombstones.ts'

/**
 * A round is three calls. All that runs each hour makes fewer than 50, which is what the Free plan gives one invocation. So up
 * to 144,000 objects go a day.
 */
const ROUNDS_AT_MOST = 6

/** Deletes buried bytes that are due; returns how many objects went. */
export async function sweepTombstones(
  db: Database,
  store: BlobStore,
  now: number,
): Promise<number> {
  const keysAtOnce = store.limits.removedKeys
  let swept = 0
  for (let round = 0; round < ROUNDS_AT_MOST; round++) {
    // Claimed first: from here on no row can name the key. What a crash leaves claimed is claimed again.
    const keys = await claimTombstones(db, now, keysAtOnce)
    if (keys.length === 0) break
    await store.remove(keys)
    await noteRemoved(db, keys, now)
    swept += keys.length
    if (keys.length < keysAtOnce) break
  }
  return swept
}
