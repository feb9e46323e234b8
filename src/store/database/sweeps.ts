/** When each sweep ran last, for whoever watches the registry: one that stopped running leaves no other trace. */
import type { Database } from './database.ts'

/**
 * `collector`: bytes that are buried and due; `orphans`: bytes that neither a row nor a tombstone names; `outbox`: events and
 * deliveries that a queue lost.
 */
export type SweepName = 'collector' | 'orphans' | 'outbox'

const SQL = {
  note: `
    INSERT INTO sweeps (name, ended_at, done) VALUES (?1, ?2, ?3)
    ON CONFLICT (name) DO UPDATE SET ended_at = excluded.ended_at, done = excluded.done`,
} as const

/** Notes a run that came to its end, and how much it did. */
export async function noteSweep(
  db: Database,
  name: SweepName,
  done: number,
  now: number,
): Promise<void> {
  await db.prepare(SQL.note).bind(name, now, done).run()
}
