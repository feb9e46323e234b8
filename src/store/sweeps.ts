/** When each sweep ran last, for whoever watches the registry: one that stopped running leaves no other trace. */
import type { Database } from './database.ts'

/** `collector`: bytes that no row names; `outbox`: events and deliveries that a queue lost. */
export type SweepName = 'collector' | 'outbox'

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
