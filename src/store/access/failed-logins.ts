/**
 * Failed logins in the audit log: one row with a count for each hour, client network and account name. Strangers can cause these
 * rows, so the guard of logins limits their number for one network, and they are kept for 90 days only.
 */
import type { Database } from '../database/database.ts'
import { type Query, sql, statements } from '../database/statement.ts'

const SQL = statements('failed-logins', {
  note: sql<[hour: number, network: string, name: string]>(`
    INSERT INTO audit (at, actor, address, request_id, action, target, detail)
    VALUES (?1, '', ?2, '', 'login.failed', ?3, '{"count":1}')
    ON CONFLICT (at, address, target) WHERE action = 'login.failed'
    DO UPDATE SET detail = json_object('count', json_extract(detail, '$.count') + 1)`),
  forget: sql<[before: number, limit: number]>(`
    DELETE FROM audit WHERE id IN (
      SELECT id FROM audit WHERE action = 'login.failed' AND at < ?1 ORDER BY at LIMIT ?2)`),
})

const HOUR_MS = 60 * 60 * 1000
const KEPT_MS = 90 * 24 * HOUR_MS

/** People type passwords into the field for the name, so only text that can be an account's name is recorded. */
const ACCOUNT_NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/

/**
 * Counts one failed login in the row of its hour.
 * @param network the client's IPv4 address, or the /64 of its IPv6 address; '' if it is unknown
 */
export async function noteFailedLogin(
  db: Database,
  name: string,
  network: string,
  now: number,
): Promise<void> {
  // The guard limits the number of names by network, so without one no name is recorded.
  const target = network !== '' && ACCOUNT_NAME.test(name) ? name : ''
  await SQL.note(db, now - (now % HOUR_MS), network, target).run()
}

/** Removes up to `limit` rows that are more than 90 days old. */
export function forgetFailedLogins(db: Database, now: number, limit: number): Query<never> {
  return SQL.forget(db, now - KEPT_MS, limit)
}
