/** What the tests of logins share: accounts, tokens and grants put into the tables, and counts of what was hashed. */
import { env } from 'cloudflare:workers'
import { vi } from 'vitest'
import { newAccessToken } from '../../src/auth/login/access-tokens.ts'
import type { AuthContext, AuthSettings } from '../../src/auth/login/auth-settings.ts'
import { login } from '../../src/auth/login/login.ts'
import { hashPassword } from '../../src/auth/login/passwords.ts'
import { RegistryError } from '../../src/oci/errors.ts'
import type { Action, PrincipalKind } from '../../src/store/access/grants.ts'

export const ADMIN_PASSWORD = 'the administrator, really'
export const PASSWORD = 'correct horse battery'
const PASSWORD_HASH = await hashPassword(PASSWORD)

export const FAILURES_MAX = 10

let made = 0

/** A name that no other call returns. */
export function newName(): string {
  made += 1
  return `account-${made}`
}

/** An address that no other call returns, of the blocks for documentation and tests (RFC 5737, RFC 2544). */
export function newAddress(): string {
  made += 1
  return `198.18.${made >> 8}.${made & 255}`
}

export function contextOf(settings: Partial<AuthSettings> = {}, address = newAddress()) {
  const context: AuthContext = {
    db: env.DB,
    logins: env.LOGINS,
    address,
    settings: {
      openAccess: false,
      adminPassword: ADMIN_PASSWORD,
      htpasswd: null,
      tokenAuth: null,
      tokenService: 'registry.test',
      tokenTtlSeconds: 300,
      loginFailuresMax: FAILURES_MAX,
      allowLoopback: false,
      ...settings,
    },
  }
  return context
}

/** An account with PASSWORD, and its name. */
export async function newAccount(passwordHash: string | null = PASSWORD_HASH, name = newName()) {
  await env.DB.prepare('INSERT INTO accounts (name, password_hash, created_at) VALUES (?, ?, 0)')
    .bind(name, passwordHash)
    .run()
  return name
}

export interface TokenOptions {
  expiresAt?: number
  revokedAt?: number
  limited?: boolean
}

/** A token of the account `owner`: its id, which is its name too, and its secret. */
export async function newToken(owner: string, options: TokenOptions = {}) {
  const { secret, hash } = await newAccessToken()
  made += 1
  const id = `token-${made}`
  await env.DB.prepare(
    `INSERT INTO access_tokens (id, account_id, name, secret_hash, limited, created_at, expires_at, revoked_at)
     SELECT ?1, id, ?1, ?3, ?4, 0, ?5, ?6 FROM accounts WHERE name = ?2`,
  )
    .bind(
      id,
      owner,
      hash,
      options.limited ? 1 : 0,
      options.expiresAt ?? null,
      options.revokedAt ?? null,
    )
    .run()
  return { id, secret, hash }
}

export async function grant(
  kind: PrincipalKind,
  principal: string,
  pattern: string,
  ...actions: Action[]
): Promise<void> {
  await env.DB.prepare(
    `INSERT INTO grants (principal_kind, principal, pattern, actions, created_at)
     VALUES (?, ?, ?, ?, 0)`,
  )
    .bind(kind, principal, pattern, JSON.stringify(actions))
    .run()
}

export async function execute(sql: string, ...values: (string | number | null)[]): Promise<void> {
  await env.DB.prepare(sql)
    .bind(...values)
    .run()
}

export type Outcome = { kind: 'in'; subject: string } | { kind: 'error'; error: RegistryError }

/** Logs in; an error of the registry is an outcome, too. */
export async function tryLogin(
  context: AuthContext,
  user: string,
  password: string,
): Promise<Outcome> {
  try {
    return { kind: 'in', subject: (await login(context, { user, password })).subject }
  } catch (error) {
    if (error instanceof RegistryError) return { kind: 'error', error }
    throw error
  }
}

/** The status that a login is answered with. */
export async function statusOf(
  context: AuthContext,
  user: string,
  password: string,
): Promise<number> {
  const outcome = await tryLogin(context, user, password)
  return outcome.kind === 'in' ? 200 : outcome.error.status
}

/** How many slow hashes `work` computed, all of them real: the runtime's function is watched and does what it does. */
export async function hashesDuring(work: () => Promise<unknown>): Promise<number> {
  const deriveBits = vi.spyOn(crypto.subtle, 'deriveBits')
  try {
    await work()
    return deriveBits.mock.calls.length
  } finally {
    deriveBits.mockRestore()
  }
}

/** Does `work` a number of times, some of it at once; the results in any order. */
export async function repeat<T>(
  times: number,
  atOnce: number,
  work: (index: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = []
  let next = 0
  const worker = async () => {
    while (next < times) {
      next += 1
      results.push(await work(next))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return results
}
