/**
 * Tombstones: storage keys that no row names any more. Rows go first and bytes later, so that a crash between the two leaks
 * at worst, and the sweep finds the leak.
 */
import type { Database, Statement } from './database.ts'

/** Bytes outlive their rows for so long: a reader that was given the key may still be streaming. */
export const TOMBSTONE_GRACE_MS = 60 * 60 * 1000

const SQL = {
  bury: `
    INSERT OR IGNORE INTO tombstones (storage_key, delete_after)
    SELECT ?1, ?2
    WHERE NOT EXISTS (SELECT 1 FROM blobs WHERE storage_key = ?1)
      AND NOT EXISTS (SELECT 1 FROM manifests WHERE storage_key = ?1)`,
  due: `
    SELECT storage_key FROM tombstones WHERE delete_after <= ?1 ORDER BY delete_after LIMIT ?2`,
  forget: `
    DELETE FROM tombstones WHERE storage_key IN (SELECT value FROM json_each(?1))`,
} as const

/**
 * The statement that buries freshly written bytes unless a row took them: when two pushes of the same content race, the
 * loser's object is not needed.
 */
export function buryUnlessTaken(db: Database, storageKey: string, now: number): Statement {
  return db.prepare(SQL.bury).bind(storageKey, now + TOMBSTONE_GRACE_MS)
}

/** Up to `limit` storage keys whose bytes may go now. */
export async function dueTombstones(db: Database, now: number, limit: number): Promise<string[]> {
  const { results } = await db.prepare(SQL.due).bind(now, limit).all<{ storage_key: string }>()
  return results.map((row) => row.storage_key)
}

/** Forgets tombstones whose bytes are gone. */
export async function forgetTombstones(db: Database, keys: readonly string[]): Promise<void> {
  await db.prepare(SQL.forget).bind(JSON.stringify(keys)).run()
}
