/** Accounts in the administration API. Logins read them in credentials.ts. */

import type { Database } from '../database/database.ts'
import { type Query, runBatch, sql, statements } from '../database/statement.ts'
import { type ChangedBy, noteChange } from './audit.ts'

const ACCOUNT = `
  SELECT name, password_hash IS NOT NULL AS has_password, disabled, created_at FROM accounts`

const SQL = statements('accounts', {
  list: sql<[last: string, limit: number], Row>(
    `${ACCOUNT} WHERE name > ?1 ORDER BY name LIMIT ?2`,
  ),
  find: sql<[name: string], Row>(`${ACCOUNT} WHERE name = ?1`),
  create: sql<[name: string, passwordHash: string | null, now: number]>(`
    INSERT INTO accounts (name, password_hash, created_at) VALUES (?1, ?2, ?3)
    ON CONFLICT (name) DO NOTHING`),
  setPassword: sql<[name: string, passwordHash: string | null]>(
    `UPDATE accounts SET password_hash = ?2 WHERE name = ?1 AND password_hash IS NOT ?2`,
  ),
  setDisabled: sql<[name: string, disabled: number]>(
    `UPDATE accounts SET disabled = ?2 WHERE name = ?1 AND disabled <> ?2`,
  ),
  endSession: sql<[name: string]>(`UPDATE accounts SET session = session + 1 WHERE name = ?1`),
  remove: sql<[name: string]>(`DELETE FROM accounts WHERE name = ?1`),
})

export interface Account {
  name: string
  /** False for a robot, which has access tokens only. */
  hasPassword: boolean
  disabled: boolean
  /** Milliseconds since the epoch. */
  createdAt: number
}

interface Row {
  name: string
  has_password: number
  disabled: number
  created_at: number
}

/** Up to `limit` accounts in the order of names, after the name `last` ('' for the beginning). */
export async function listAccounts(db: Database, last: string, limit: number): Promise<Account[]> {
  const { results } = await SQL.list(db, last, limit).all()
  return results.map(accountOf)
}

export async function findAccount(db: Database, name: string): Promise<Account | null> {
  const row = await SQL.find(db, name).first()
  return row && accountOf(row)
}

/** @returns null if an account of this name exists */
export async function createAccount(
  db: Database,
  by: ChangedBy,
  { name, passwordHash }: { name: string; passwordHash: string | null },
): Promise<Account | null> {
  const hasPassword = passwordHash !== null
  const [created] = await runBatch(db, [
    SQL.create(db, name, passwordHash, by.at),
    noteChange(db, by, { action: 'account.create', target: name, detail: { hasPassword } }),
  ])
  if (created.meta.changes === 0) return null
  return { name, hasPassword, disabled: false, createdAt: by.at }
}

export interface AccountChanges {
  /** Null removes the password. */
  passwordHash?: string | null | undefined
  disabled?: boolean | undefined
}

/** @returns the account after the change; null if it does not exist */
export async function updateAccount(
  db: Database,
  by: ChangedBy,
  name: string,
  { passwordHash, disabled }: AccountChanges,
): Promise<Account | null> {
  const statements: Query<never>[] = []
  if (passwordHash !== undefined) {
    const action = passwordHash === null ? 'account.remove-password' : 'account.set-password'
    statements.push(
      SQL.setPassword(db, name, passwordHash),
      noteChange(db, by, { action, target: name, detail: {} }),
    )
  }
  if (disabled !== undefined) {
    const action = disabled ? 'account.disable' : 'account.enable'
    statements.push(
      SQL.setDisabled(db, name, disabled ? 1 : 0),
      noteChange(db, by, { action, target: name, detail: {} }),
    )
  }
  const results = await runBatch(db, [...statements, SQL.find(db, name)])
  const row = results.at(-1)?.results[0]
  return row === undefined ? null : accountOf(row)
}

/**
 * Ends all bearer and refresh tokens of the account. Triggers do the same when the password changes or the account is disabled.
 * @returns false if the account does not exist
 */
export async function endSession(db: Database, by: ChangedBy, name: string): Promise<boolean> {
  const [ended] = await runBatch(db, [
    SQL.endSession(db, name),
    noteChange(db, by, { action: 'account.sign-out', target: name, detail: {} }),
  ])
  return ended.meta.changes !== 0
}

/** Removes the account, its access tokens, and the grants of both. Returns false if the account does not exist. */
export async function removeAccount(db: Database, by: ChangedBy, name: string): Promise<boolean> {
  const [, noted] = await runBatch(db, [
    SQL.remove(db, name),
    noteChange(db, by, { action: 'account.delete', target: name, detail: {} }),
  ])
  return noted.meta.changes !== 0
}

function accountOf({ name, has_password, disabled, created_at }: Row): Account {
  return {
    name,
    hasPassword: has_password !== 0,
    disabled: disabled !== 0,
    createdAt: created_at,
  }
}
