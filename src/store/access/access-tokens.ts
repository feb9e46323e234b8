/** Creating, listing and revoking access tokens. Logins read them in credentials.ts. */

import type { Database } from '../database/database.ts'
import { runBatch, sql, statements } from '../database/statement.ts'
import { type ChangedBy, noteChange } from './audit.ts'
import type { Grant } from './grants.ts'
import { grantToNew } from './manage-grants.ts'

/** Tokens of one account at most. Revoked and expired tokens count for as long as they are listed. */
export const TOKENS_PER_ACCOUNT_MAX = 1000

/** A token stays in the list for this time after its revocation or expiry. */
const DEAD_TOKENS_KEPT_MS = 90 * 24 * 60 * 60 * 1000

const TOKEN = `
  SELECT access_tokens.id, accounts.name AS account, access_tokens.name, limited,
    access_tokens.created_at, expires_at, last_used_at, revoked_at,
    (SELECT json_group_array(json_object('pattern', pattern, 'actions', json(actions)))
      FROM grants WHERE principal_kind = 'token' AND principal = access_tokens.id) AS grants`

const SQL = statements('access-tokens', {
  list: sql<[from: string, last: string, to: string, limit: number], Row>(`
    ${TOKEN} FROM accounts CROSS JOIN access_tokens ON access_tokens.account_id = accounts.id
    WHERE accounts.name >= ?1 AND accounts.name <= ?3
      AND (accounts.name > ?1 OR access_tokens.name > ?2)
    ORDER BY accounts.name, access_tokens.name LIMIT ?4`),
  find: sql<[id: string], Row>(`
    ${TOKEN} FROM access_tokens CROSS JOIN accounts ON accounts.id = access_tokens.account_id
    WHERE access_tokens.id = ?1`),
  // Makes room: removes old dead tokens, and a dead token of the same name.
  clear: sql<[account: string, name: string, now: number, deadBefore: number]>(`
    DELETE FROM access_tokens
    WHERE account_id = (SELECT id FROM accounts WHERE name = ?1)
      AND (revoked_at < ?4 OR expires_at < ?4
        OR name = ?2 AND (revoked_at IS NOT NULL OR expires_at <= ?3))`),
  create: sql<
    [
      id: string,
      account: string,
      name: string,
      secretHash: string,
      limited: number,
      now: number,
      expiresAt: number | null,
      max: number,
    ]
  >(`
    INSERT INTO access_tokens
      (id, account_id, name, secret_hash, limited, created_at, expires_at)
    SELECT ?1, accounts.id, ?3, ?4, ?5, ?6, ?7 FROM accounts
    WHERE accounts.name = ?2 AND ?8 > (
      SELECT count(*) FROM access_tokens WHERE access_tokens.account_id = accounts.id)
    ON CONFLICT (account_id, name) DO NOTHING`),
  why: sql<[account: string], { tokens: number }>(`
    SELECT (SELECT count(*) FROM access_tokens WHERE account_id = accounts.id) AS tokens
    FROM accounts WHERE name = ?1`),
  revoke: sql<[id: string, now: number]>(
    `UPDATE access_tokens SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL`,
  ),
})

/** Sorts after every account name. */
const END = '{'

/** Times are milliseconds since the epoch. */
export interface AccessToken {
  id: string
  /** The name of the owner. */
  account: string
  name: string
  /** The grants that limit it; null if it may do everything that its owner may. */
  grants: readonly Grant[] | null
  createdAt: number
  expiresAt: number | null
  lastUsedAt: number | null
  revokedAt: number | null
}

export interface TokensWanted {
  /** Only tokens of this account; null for all. */
  account: string | null
  /** The list begins after this token; null for the beginning. */
  last: { account: string; name: string } | null
  limit: number
}

interface Row {
  id: string
  account: string
  name: string
  limited: number
  created_at: number
  expires_at: number | null
  last_used_at: number | null
  revoked_at: number | null
  grants: string
}

/** In the order of account names, then of token names. */
export async function listAccessTokens(
  db: Database,
  { account, last, limit }: TokensWanted,
): Promise<AccessToken[]> {
  const from = account ?? last?.account ?? ''
  const { results } = await SQL.list(db, from, last?.name ?? '', account ?? END, limit).all()
  return results.map(tokenOf)
}

export async function findAccessToken(db: Database, id: string): Promise<AccessToken | null> {
  const row = await SQL.find(db, id).first()
  return row && tokenOf(row)
}

export type NewAccessToken = Pick<AccessToken, 'account' | 'name' | 'grants' | 'expiresAt'> & {
  /** Hex SHA-256 of the secret. */
  secretHash: string
}

/** Returns the token, or the reason why there is none: the owner does not exist, has a token of this name, or has too many tokens. */
export async function createAccessToken(
  db: Database,
  by: ChangedBy,
  { account, name, grants, expiresAt, secretHash }: NewAccessToken,
): Promise<AccessToken | 'no account' | 'name taken' | 'too many'> {
  const id = crypto.randomUUID()
  const limited = grants === null ? 0 : 1
  const detail = {
    id,
    expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
    grants: grants?.map((grant) => ({ ...grant })) ?? null,
  }
  const [, created, , , why] = await runBatch(db, [
    SQL.clear(db, account, name, by.at, by.at - DEAD_TOKENS_KEPT_MS),
    SQL.create(
      db,
      id,
      account,
      name,
      secretHash,
      limited,
      by.at,
      expiresAt,
      TOKENS_PER_ACCOUNT_MAX,
    ),
    noteChange(db, by, { action: 'token.create', target: `${account}/${name}`, detail }),
    grantToNew(db, { kind: 'token', name: id }, grants ?? [], by.at),
    SQL.why(db, account),
  ])
  if (created.meta.changes !== 0) {
    return {
      id,
      account,
      name,
      grants,
      createdAt: by.at,
      expiresAt,
      lastUsedAt: null,
      revokedAt: null,
    }
  }
  const tokens = why.results[0]?.tokens
  if (tokens === undefined) return 'no account'
  return tokens < TOKENS_PER_ACCOUNT_MAX ? 'name taken' : 'too many'
}

/** Ends the token for good. It stays in the list for 90 days. */
export async function revokeAccessToken(
  db: Database,
  by: ChangedBy,
  { id, account, name }: AccessToken,
): Promise<void> {
  await runBatch(db, [
    SQL.revoke(db, id, by.at),
    noteChange(db, by, {
      action: 'token.revoke',
      target: `${account}/${name}`,
      detail: { id },
    }),
  ])
}

function tokenOf(row: Row): AccessToken {
  return {
    id: row.id,
    account: row.account,
    name: row.name,
    grants: row.limited === 0 ? null : JSON.parse(row.grants),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
    revokedAt: row.revoked_at,
  }
}
