/**
 * Tombstones: storage keys that no row names any more. Rows are removed first and bytes later, so a crash between the two only leaves
 * an orphan, which the sweep finds. After a tombstone is claimed, no row can name its key, and the bytes are deleted. The tombstone
 * stays for a time, so that a late request with the key cannot use it again.
 */
import { logError } from '../../lib/log.ts'
import { isPassing } from '../../lib/passing-error.ts'
import { withRetries } from '../../lib/retry.ts'
import type { Database } from '../database/database.ts'
import { type Query, sql, statements } from '../database/statement.ts'

const DAY_MS = 24 * 60 * 60 * 1000

/** Bytes outlive their rows for this time, because a reader with the key may still be streaming. */
export const TOMBSTONE_GRACE_MS = 60 * 60 * 1000

/** A tombstone outlives its bytes for this time, because an upload keeps its key for seven days. */
export const REMOVED_KEPT_MS = 8 * DAY_MS

const SQL = statements('tombstones', {
  bury: sql<[storageKey: string, deleteAfter: number]>(`
    INSERT OR IGNORE INTO tombstones (storage_key, delete_after)
    SELECT ?1, ?2
    WHERE NOT EXISTS (SELECT 1 FROM blobs WHERE storage_key = ?1)
      AND NOT EXISTS (SELECT 1 FROM manifests WHERE storage_key = ?1)`),
  claim: sql<[now: number, limit: number], { storage_key: string }>(`
    UPDATE tombstones SET claimed_at = ifnull(claimed_at, ?1) WHERE storage_key IN (
      SELECT storage_key FROM tombstones
      WHERE removed_at IS NULL AND delete_after <= ?1
        AND NOT EXISTS (SELECT 1 FROM blobs WHERE blobs.storage_key = tombstones.storage_key)
        AND NOT EXISTS (SELECT 1 FROM manifests WHERE manifests.storage_key = tombstones.storage_key)
      ORDER BY delete_after LIMIT ?2)
    RETURNING storage_key`),
  noteRemoved: sql<[keys: string, now: number]>(`
    UPDATE tombstones SET removed_at = ?2
    WHERE storage_key IN (SELECT value FROM json_each(?1))`),
  forget: sql<[before: number, limit: number]>(`
    DELETE FROM tombstones WHERE storage_key IN (
      SELECT storage_key FROM tombstones WHERE removed_at <= ?1 ORDER BY removed_at LIMIT ?2)`),
})

/**
 * Buries new bytes unless a row names them. If two pushes of the same content race, the loser's object is not needed.
 */
export function buryUnlessTaken(db: Database, storageKey: string, now: number): Query<never> {
  return SQL.bury(db, storageKey, now + TOMBSTONE_GRACE_MS)
}

/**
 * Runs `work`, which writes or commits bytes under a fresh key. If it throws, the bytes are buried unless a row names them. Another try
 * uses another key.
 */
export async function buryOnError<T>(
  db: Database,
  storageKey: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    try {
      await withRetries(() => buryUnlessTaken(db, storageKey, Date.now()).run(), isPassing)
    } catch (failure) {
      // The orphan sweep finds these bytes.
      logError({ message: 'bytes that nobody needs were not buried', storageKey }, failure)
    }
    throw error
  }
}

/** Claims up to `limit` tombstones that are due, or claims them again. Returns the storage keys of the bytes to delete. */
export async function claimTombstones(db: Database, now: number, limit: number): Promise<string[]> {
  const { results } = await SQL.claim(db, now, limit).all()
  return results.map((row) => row.storage_key)
}

/** Records that the bytes of these tombstones are deleted. */
export async function noteRemoved(
  db: Database,
  keys: readonly string[],
  now: number,
): Promise<void> {
  await SQL.noteRemoved(db, JSON.stringify(keys), now).run()
}

/** Removes up to `limit` tombstones whose bytes were deleted so long ago that no request has their keys any more. */
export function forgetTombstones(db: Database, now: number, limit: number): Query<never> {
  return SQL.forget(db, now - REMOVED_KEPT_MS, limit)
}
