/** The position of the orphan sweep, and the search for orphans among storage keys. */
import type { Database } from '../database/database.ts'
import { runBatch, sql, statements } from '../database/statement.ts'

/** The position of the sweep. Days and dates are yyyy-mm-dd in UTC. */
export interface SweepPosition {
  /** The date of the run. */
  runDate: string
  /** The number of the look within the run: see maintenance/sweep-orphans.ts. */
  look: number
  /** The last key that the look has seen; '' at the beginning. */
  lastKey: string
  /** Objects of the day that the look has seen so far, and orphans among them. */
  seen: number
  orphans: number
}

export interface OrphanSweep extends SweepPosition {
  registryId: string
  /** The time when the registry took this id. */
  since: number
  /** A day whose orphans may all be buried, however many they are. The operator sets it. */
  allowedDay: string | null
}

/** True for a key that no row names. A tombstone of removed bytes does not count, because the object exists. */
const IS_ORPHAN = `
  NOT EXISTS (SELECT 1 FROM blobs WHERE storage_key = value)
  AND NOT EXISTS (SELECT 1 FROM manifests WHERE storage_key = value)
  AND NOT EXISTS (SELECT 1 FROM tombstones WHERE storage_key = value AND removed_at IS NULL)`

const SQL = statements('orphan-sweep', {
  read: sql<[], OrphanSweep>(`
    SELECT registry.id AS registryId, registry.since, orphan_sweep.run_date AS runDate,
      orphan_sweep.look, orphan_sweep.last_key AS lastKey, orphan_sweep.seen,
      orphan_sweep.orphans, orphan_sweep.allowed_day AS allowedDay
    FROM registry JOIN orphan_sweep ON orphan_sweep.one = 1 WHERE registry.one = 1`),
  find: sql<[keys: string], { storage_key: string }>(
    `SELECT value AS storage_key FROM json_each(?1) WHERE ${IS_ORPHAN}`,
  ),
  bury: sql<[keys: string, deleteAfter: number]>(`
    INSERT INTO tombstones (storage_key, delete_after)
    SELECT value, ?2 FROM json_each(?1) WHERE ${IS_ORPHAN}
    ON CONFLICT (storage_key) DO UPDATE SET
      delete_after = excluded.delete_after, claimed_at = NULL, removed_at = NULL`),
  move: sql<[runDate: string, look: number, lastKey: string, seen: number, orphans: number]>(`
    UPDATE orphan_sweep SET run_date = ?1, look = ?2, last_key = ?3, seen = ?4, orphans = ?5,
      stopped_at = NULL
    WHERE one = 1`),
  stop: sql<[now: number]>(
    `UPDATE orphan_sweep SET stopped_at = ifnull(stopped_at, ?1) WHERE one = 1`,
  ),
})

export async function readOrphanSweep(db: Database): Promise<OrphanSweep> {
  const row = await SQL.read(db).first()
  if (row === null) throw new Error('the table registry or orphan_sweep has lost its row')
  return row
}

/** The keys among `keys` that neither a row nor a tombstone names. */
export async function findOrphans(db: Database, keys: readonly string[]): Promise<string[]> {
  const { results } = await SQL.find(db, JSON.stringify(keys)).all()
  return results.map((row) => row.storage_key)
}

/** Buries the keys among `keys` that are still orphans, until `deleteAfter`, and moves the sweep to `position`. */
export async function buryOrphans(
  db: Database,
  keys: readonly string[],
  deleteAfter: number,
  position: SweepPosition,
): Promise<void> {
  const { runDate, look, lastKey, seen, orphans } = position
  await runBatch(db, [
    SQL.bury(db, JSON.stringify(keys), deleteAfter),
    SQL.move(db, runDate, look, lastKey, seen, orphans),
  ])
}

/** Records that the sweep has stopped. The time of an earlier stop stays. */
export async function noteStopped(db: Database, now: number): Promise<void> {
  await SQL.stop(db, now).run()
}
