/**
 * The copy of the database nearest to this location: a D1 session that may begin at any replica. A replica may lag behind the
 * primary by any time (D1, "Global read replication"). The primary answers if there is no replica.
 */
import type { Usage } from '../../lib/usage.ts'
import { CountedDatabase, type NearestDatabase } from './database.ts'

/** One for each question, so that `isCurrent` tells of its answer alone. */
export function nearestDatabase(
  bound: { withSession(constraint: string): Pick<D1DatabaseSession, 'prepare' | 'batch'> },
  usage: Usage,
): NearestDatabase {
  let current = true
  const db = new CountedDatabase(bound.withSession('first-unconstrained'), usage, (meta) => {
    // An answer that does not name its origin may come from a replica.
    current &&= meta.served_by_primary === true
  })
  return { db, isCurrent: () => current }
}
