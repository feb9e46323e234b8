/**
 * Failed logins in the audit log: one row for each hour, client network and account name, with their number. Strangers can make
 * them, so the guard of logins bounds how many one network gets, and the rows are kept for 90 days only.
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

/** People type passwords where the name belongs: only what can be an account's name is written down. */
const ACCOUNT_NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/

/**
 * Counts one failed login in the row of its hour.
 * @param network the client's address, or of IPv6 its /64; '' where it is not known
 */
export async function noteFailedLogin(
  db: Database,
  name: string,
  network: string,
  now: number,
): Promise<void> {
  // Without an address nothing bounds the number of names.
  const target = network !== '' && ACCOUNT_NAME.test(name) ? name : ''
  await SQL.note(db, now - (now % HOUR_MS), network, target).run()
}

/** Removes up to `limit` of the rows that are over 90 days old. */
export function forgetFailedLogins(db: Database, now: number, limit: number): Query<never> {
  return SQL.forget(db, now - KEPT_MS, limit)
}
