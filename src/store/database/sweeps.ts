/** When each sweep ran last, for whoever watches the registry: one that stopped running leaves no other trace. */
import type { Database } from './database.ts'
import { sql, statements } from './statement.ts'

/**
 * `collector`: bytes that are buried and due; `orphans`: bytes that neither a row nor a tombstone names; `outbox`: events and
 * deliveries that a queue lost.
 */
export type SweepName = 'collector' | 'orphans' | 'outbox'

const SQL = statements('sweeps', {
  note: sql<[name: SweepName, endedAt: number, done: number]>(`
    INSERT INTO sweeps (name, ended_at, done) VALUES (?1, ?2, ?3)
    ON CONFLICT (name) DO UPDATE SET ended_at = excluded.ended_at, done = excluded.done`),
})

/** Notes a run that came to its end, and how much it did. */
export async function noteSweep(
  db: Database,
  name: SweepName,
  done: number,
  now: number,
): Promise<void> {
  await SQL.note(db, name, now, done).run()
}
