/** The id of the registry in this database. The storage keys of the registry begin with it. The orphan sweep looks at no other keys. */
import type { Database } from '../database/database.ts'
import { Memory } from '../database/memory.ts'
import { runBatch, sql, statements } from '../database/statement.ts'

/**
 * A restored database takes a new id. Isolates learn it within this time. Until then they write objects under the old id. These are
 * valid, but the orphan sweep never removes them.
 */
const REMEMBERED_MS = 5 * 60_000

const SQL = statements('registry', {
  id: sql<[], { id: string }>(`SELECT id FROM registry WHERE one = 1`),
  // One statement compares and increments, because another run of the sweep may be at work.
  nextEpoch: sql<
    [id: string, last: number | null, lastMark: string | null, mark: string],
    { epoch: number }
  >(`
    UPDATE registry SET epoch = epoch + 1, epoch_mark = ?4
    WHERE one = 1 AND id = ?1 AND (?2 < epoch OR (?2 = epoch AND ?3 = epoch_mark))
    RETURNING epoch`),
  takeNewId: sql<[id: string, now: number]>(`
    UPDATE registry SET id = lower(hex(randomblob(8))), since = ?2, epoch = 0, epoch_mark = ''
    WHERE one = 1 AND id = ?1`),
  beginOrphanSweep: sql<[oldId: string, since: number]>(`
    UPDATE orphan_sweep SET run_date = date(?2 / 1000, 'unixepoch'), look = 0, last_key = '',
      seen = 0, orphans = 0, stopped_at = NULL, allowed_day = NULL
    WHERE one = 1
      AND EXISTS (SELECT 1 FROM registry WHERE one = 1 AND since = ?2 AND id <> ?1)`),
})

const ids = new Memory<string>(REMEMBERED_MS)

/** The registry's id. This isolate may remember it. */
export function registryId(db: Database): Promise<string> {
  return ids.of(db, () => readRegistryId(db))
}

/** The registry's id, read now. */
export async function readRegistryId(db: Database): Promise<string> {
  const row = await SQL.id(db).first()
  if (row === null) throw new Error('the table registry has lost its row')
  rememberRegistryId(db, row.id)
  return row.id
}

/** Remembers an id that another statement has read. */
export function rememberRegistryId(db: Database, id: string): void {
  ids.set(db, id)
}

/** `number` counts the runs of a registry's orphan sweep. `mark` is random, so that two databases with the same id differ. */
export interface Epoch {
  number: number
  mark: string
}

/**
 * Begins the next epoch, with a new mark, unless `last` is ahead of this database. `last` is the epoch in the bucket; null if the bucket
 * has none that this database could have written.
 * @returns the number of the new epoch; null, with nothing changed, if the bucket is ahead
 */
export async function nextEpoch(
  db: Database,
  id: string,
  last: Epoch | null,
  mark: string,
): Promise<number | null> {
  const row = await SQL.nextEpoch(db, id, last?.number ?? null, last?.mark ?? null, mark).first()
  return row?.epoch ?? null
}

/** Replaces the id `id` by a new one, and begins the orphan sweep anew today. Rows keep their storage keys. */
export async function takeNewId(db: Database, id: string, now: number): Promise<void> {
  await runBatch(db, [SQL.takeNewId(db, id, now), SQL.beginOrphanSweep(db, id, now)])
}
