/**
 * The database as it is nearest to this location: a D1 session that may begin at any replica, which may be behind the primary by
 * any time (D1, "Global read replication"). Where there is no replica, the primary answers.
 */
import type { Usage } from '../../lib/usage.ts'
import { CountedDatabase, type NearestDatabase } from './database.ts'

/** Made for one question, so that the answer's origin is known. */
export function nearestDatabase(
  bound: { withSession(constraint: string): Pick<D1DatabaseSession, 'prepare' | 'batch'> },
  usage: Usage,
): NearestDatabase {
  let current = true
  const db = new CountedDatabase(bound.withSession('first-unconstrained'), usage, (meta) => {
    // What does not say where it comes from may come from a replica.
    current &&= meta.served_by_primary === true
  })
  return { db, isCurrent: () => current }
}
