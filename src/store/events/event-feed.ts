/**
 * The feed of events, read in two steps: first the subjects of many events, which are small, then the events that the reader may see.
 */
import type { Database } from '../database/database.ts'
import { sql, statements } from '../database/statement.ts'

const SQL = statements('event-feed', {
  scan: sql<[since: number, limit: number], EventSubject>(
    `SELECT seq, action, repository FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2`,
  ),
  // Only references make an event large. The feed does not show them.
  read: sql<[seqs: string], { seq: number; event: string }>(`
    SELECT seq, iif(json_valid(event), json_remove(event, '$.target.references'), '') AS event
    FROM events WHERE seq IN (SELECT value FROM json_each(?1))`),
})

export interface EventSubject {
  /** Increases with each event. */
  seq: number
  action: string
  repository: string
}

/** Up to `limit` events after the number `since` (0 for the oldest that is kept), in the order in which they happened. */
export async function scanEvents(
  db: Database,
  since: number,
  limit: number,
): Promise<EventSubject[]> {
  const { results } = await SQL.scan(db, since, limit).all()
  return results
}

/** These events as JSON without their references, in order; '' for a row that is not valid JSON. */
export async function readEvents(db: Database, seqs: readonly number[]): Promise<string[]> {
  if (seqs.length === 0) return []
  const { results } = await SQL.read(db, JSON.stringify(seqs)).all()
  return results.sort((one, other) => one.seq - other.seq).map(({ event }) => event)
}
