/** The last run of each sweep, for monitoring. A sweep that no longer runs leaves no other trace. */
import type { Database } from './database.ts'
import { sql, statements } from './statement.ts'

/**
 * `collector` deletes the bytes of tombstones that are due. `orphans` buries objects that neither a row nor a tombstone names.
 * `outbox` sends events and deliveries again that a queue lost.
 */
export type SweepName = 'collector' | 'orphans' | 'outbox'

const SQL = statements('sweeps', {
  note: sql<[name: SweepName, endedAt: number, done: number]>(`
    INSERT INTO sweeps (name, ended_at, done) VALUES (?1, ?2, ?3)
    ON CONFLICT (name) DO UPDATE SET ended_at = excluded.ended_at, done = excluded.done`),
})

/** Records a complete run and how much it did. */
export async function noteSweep(
  db: Database,
  name: SweepName,
  done: number,
  now: number,
): Promise<void> {
  await SQL.note(db, name, now, done).run()
}
