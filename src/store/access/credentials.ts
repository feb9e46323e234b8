/** The credentials that logins are checked against, each in one query with its grants. Times are milliseconds since the epoch. */
import type { Database } from '../database/database.ts'
import { type Query, sql, statements } from '../database/statement.ts'
import type { Grant } from './grants.ts'

export interface AccountCredentials {
  /** Null for an account that has access tokens only. */
  passwordHash: string | null
  disabled: boolean
  session: string
  /** The grants of the account and those of everybody. */
  grants: readonly Grant[]
}

export interface TokenCredentials {
  id: string
  name: string
  secretHash: string
  session: string
  ownerDisabled: boolean
  expiresAt: number | null
  revokedAt: number | null
  lastUsedAt: number | null
  /** The grants of the owner and those of everybody. */
  grants: readonly Grant[]
  /** The grants that limit the token; null if it is not limited. */
  limit: readonly Grant[] | null
}

interface AccountRow {
  password_hash: string | null
  disabled: number
  session: string
  grants: string
}

interface TokenRow {
  id: string
  name: string
  secret_hash: string
  session: string
  owner_disabled: number
  limited: number
  expires_at: number | null
  revoked_at: number | null
  last_used_at: number | null
  grants: string
  own_grants: string
}

function grantsOf(principals: string): string {
  return `(
    SELECT json_group_array(json_object('pattern', pattern, 'actions', json(actions)))
    FROM grants WHERE ${principals})`
}

const EVERYBODY = `principal_kind = 'anonymous' AND principal = ''`
const OF_ACCOUNT = `
  ${EVERYBODY} OR principal_kind = 'authenticated' AND principal = ''
  OR principal_kind = 'account' AND principal = accounts.name`

const SESSION = `CAST(session AS TEXT)`
const TOKEN_SESSION = `session || '.' || access_tokens.id`

const TOKEN = `
  SELECT access_tokens.id, ${TOKEN_SESSION} AS session, access_tokens.name, secret_hash, accounts.disabled AS owner_disabled,
    limited, expires_at, revoked_at, last_used_at, ${grantsOf(OF_ACCOUNT)} AS grants,
    ${grantsOf(`principal_kind = 'token' AND principal = access_tokens.id`)} AS own_grants
  FROM accounts JOIN access_tokens ON access_tokens.account_id = accounts.id
  WHERE accounts.name = ?1 AND`

const SQL = statements('credentials', {
  account: sql<[name: string], AccountRow>(`
    SELECT password_hash, disabled, ${SESSION} AS session, ${grantsOf(OF_ACCOUNT)} AS grants
    FROM accounts WHERE name = ?1`),
  tokenBySecret: sql<[owner: string, secretHash: string], TokenRow>(`${TOKEN} secret_hash = ?2`),
  tokenByName: sql<[owner: string, name: string], TokenRow>(`${TOKEN} access_tokens.name = ?2`),
  session: sql<[account: string], { session: string }>(
    `SELECT ${SESSION} AS session FROM accounts WHERE name = ?1 AND disabled = 0`,
  ),
  tokenSession: sql<[account: string, token: string, now: number], { session: string }>(`
    SELECT ${TOKEN_SESSION} AS session
    FROM accounts JOIN access_tokens ON access_tokens.account_id = accounts.id
    WHERE accounts.name = ?1 AND accounts.disabled = 0 AND access_tokens.name = ?2
      AND revoked_at IS NULL AND ifnull(expires_at > ?3, 1)`),
  anonymous: sql<[], { grants: string }>(`SELECT ${grantsOf(EVERYBODY)} AS grants`),
  used: sql<[id: string, now: number]>(`UPDATE access_tokens SET last_used_at = ?2 WHERE id = ?1`),
  // Ids begin at 1. The condition makes it a search by key that ends at the first row, not a scan.
  anyAccount: sql<[], { id: number }>(`SELECT id FROM accounts WHERE id > 0 LIMIT 1`),
})

export async function findCredentials(
  db: Database,
  name: string,
): Promise<AccountCredentials | null> {
  const row = await SQL.account(db, name).first()
  if (row === null) return null
  return {
    passwordHash: row.password_hash,
    disabled: row.disabled !== 0,
    session: row.session,
    grants: parseGrants(row.grants),
  }
}

/** The token with this secret, if the account `owner` has it. */
export function findTokenBySecret(
  db: Database,
  owner: string,
  secretHash: string,
): Promise<TokenCredentials | null> {
  return findToken(SQL.tokenBySecret(db, owner, secretHash))
}

export function findTokenByName(
  db: Database,
  owner: string,
  name: string,
): Promise<TokenCredentials | null> {
  return findToken(SQL.tokenByName(db, owner, name))
}

async function findToken(query: Query<TokenRow>): Promise<TokenCredentials | null> {
  const row = await query.first()
  if (row === null) return null
  return {
    id: row.id,
    name: row.name,
    secretHash: row.secret_hash,
    session: row.session,
    ownerDisabled: row.owner_disabled !== 0,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    lastUsedAt: row.last_used_at,
    grants: parseGrants(row.grants),
    limit: row.limited === 0 ? null : parseGrants(row.own_grants),
  }
}

/** The session of `<account>` or of `<account>/<token>`; null if the subject cannot log in at `now`. */
export async function findSession(
  db: Database,
  subject: string,
  now: number,
): Promise<string | null> {
  const [account = '', ...token] = subject.split('/')
  const statement =
    token.length === 0
      ? SQL.session(db, account)
      : SQL.tokenSession(db, account, token.join('/'), now)
  return (await statement.first())?.session ?? null
}

/** The grants of everybody. */
export async function anonymousGrants(db: Database): Promise<readonly Grant[]> {
  const row = await SQL.anonymous(db).first()
  return parseGrants(row?.grants ?? '[]')
}

export async function noteTokenUse(db: Database, id: string, now: number): Promise<void> {
  await SQL.used(db, id, now).run()
}

export async function hasAccounts(db: Database): Promise<boolean> {
  return (await SQL.anyAccount(db).first()) !== null
}

function parseGrants(json: string): Grant[] {
  return JSON.parse(json)
}
