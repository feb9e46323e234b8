/** Refresh tokens: whom they stand for, and what ends them. */
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Htpasswd } from '../../../src/auth/login/htpasswd.ts'
import type { Identity } from '../../../src/auth/login/identity.ts'
import { anonymousIdentity, identityOf } from '../../../src/auth/login/login.ts'
import { hashPassword } from '../../../src/auth/login/passwords.ts'
import { Rights } from '../../../src/auth/login/rights.ts'
import { issueToken, verifyToken } from '../../../src/auth/tokens/bearer-tokens.ts'
import { issueRefreshToken, redeemRefreshToken } from '../../../src/auth/tokens/refresh-tokens.ts'
import { rotateTokenKeys } from '../../../src/auth/tokens/token-keys.ts'
import { endSession } from '../../../src/store/access/accounts.ts'
import { signingKey } from '../../../src/store/access/signing-keys.ts'
import { registryForger, signed } from '../../support/forged-tokens.ts'
import { contextOf, execute, grant, newAccount, newName, newToken } from '../login-support.ts'

const context = contextOf()
const { db, settings } = context
const DAY = 24 * 60 * 60 * 1000

async function refreshTokenOf(subject: string, of = context): Promise<string> {
  const identity = await identityOf(of, subject)
  const token = identity && (await issueRefreshToken(of.db, of.settings, identity))
  if (token === null) throw new Error(`no refresh token for ${subject}`)
  return token
}

async function redeemed(token: string, by = context): Promise<string | null> {
  return (await redeemRefreshToken(by, token))?.subject ?? null
}

afterEach(() => {
  vi.useRealTimers()
})

describe('a refresh token', () => {
  it('identifies the administrator', async () => {
    const token = await refreshTokenOf('admin')
    expect(await redeemed(token)).toBe('admin')
    expect((await redeemRefreshToken(context, token))?.rights.isAdministrator).toBe(true)
  })

  it('identifies an account with its rights at the time of use', async () => {
    const name = await newAccount()
    const token = await refreshTokenOf(name)
    expect((await redeemRefreshToken(context, token))?.rights.on('team/app').size).toBe(0)
    await grant('account', name, 'team/*', 'pull')
    const rights = (await redeemRefreshToken(context, token))?.rights
    expect([...(rights?.on('team/app') ?? [])]).toEqual(['pull'])
  })

  it('identifies an access token, with no more than its rights', async () => {
    const owner = await newAccount()
    await grant('account', owner, '**', 'push')
    const { id } = await newToken(owner, { limited: true })
    await grant('token', id, 'team/*', 'pull', 'create')
    const token = await refreshTokenOf(`${owner}/${id}`)
    const identity = await redeemRefreshToken(context, token)
    expect(identity).toMatchObject({ kind: 'token', subject: `${owner}/${id}` })
    expect([...(identity?.rights.on('team/app') ?? [])]).toEqual(['create'])
    expect(identity?.rights.on('other/app').size).toBe(0)
  })

  it('is not issued to callers without a lasting login', async () => {
    const trust: Identity = {
      kind: 'trust',
      subject: 'oidc:ci.test:job',
      rights: new Rights([]),
      verifier: null,
      session: null,
    }
    expect(await issueRefreshToken(db, settings, trust)).toBeNull()
    expect(await issueRefreshToken(db, settings, await anonymousIdentity(db))).toBeNull()
  })

  it('is valid for 90 days, over three rotations of the keys', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const token = await refreshTokenOf('admin')
    for (let times = 0; times < 3; times += 1) {
      expect(await redeemed(token)).toBe('admin')
      vi.setSystemTime(Date.now() + 30 * DAY - 1000)
      await rotateTokenKeys(db, Date.now(), 'now')
    }
    expect(await redeemed(token)).toBe('admin')
    vi.setSystemTime(Date.now() + 34_000)
    expect(await redeemed(token)).toBeNull()
  })

  it('contains nothing of the password', async () => {
    const name = await newAccount()
    const identity = await identityOf(context, name)
    const token = await refreshTokenOf(name)
    const claims = atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'))
    expect(Object.keys(JSON.parse(claims)).sort()).toEqual([
      'aud',
      'cred',
      'exp',
      'iat',
      'iss',
      'jti',
      'nbf',
      'ses',
      'sub',
    ])
    expect(claims).not.toContain(identity?.verifier)
    const plain = await crypto.subtle.digest(
      'SHA-256',
      new TextEncoder().encode(identity?.verifier ?? ''),
    )
    const hash = new Uint8Array(plain)
    expect(claims).not.toContain(hash.toBase64({ alphabet: 'base64url', omitPadding: true }))
  })
})

describe('it ends with', () => {
  it('a new password', async () => {
    const name = await newAccount()
    const token = await refreshTokenOf(name)
    const hash = await hashPassword('another battery staple')
    await execute('UPDATE accounts SET password_hash = ? WHERE name = ?', hash, name)
    expect(await redeemed(token)).toBeNull()
  })

  it('disabling the account, even if it is enabled again', async () => {
    const name = await newAccount()
    const [before, after] = [await refreshTokenOf(name), () => refreshTokenOf(name)]
    await execute('UPDATE accounts SET disabled = 1 WHERE name = ?', name)
    await execute('UPDATE accounts SET disabled = 0 WHERE name = ?', name)
    expect(await redeemed(before)).toBeNull()
    expect(await redeemed(await after())).toBe(name)
  })

  it('a sign-out, even if it came from an access token', async () => {
    const name = await newAccount()
    const { id } = await newToken(name)
    const tokens = [await refreshTokenOf(name), await refreshTokenOf(`${name}/${id}`)]
    const by = { actor: '', address: '', requestId: '', at: 1 }
    expect(await endSession(db, by, name)).toBe(true)
    expect(await Promise.all(tokens.map((token) => redeemed(token)))).toEqual([null, null])
    expect(await redeemed(await refreshTokenOf(name))).toBe(name)
  })

  it('a revocation of all keys', async () => {
    const token = await refreshTokenOf('admin')
    await rotateTokenKeys(db, Date.now(), 'revoke')
    expect(await redeemed(token)).toBeNull()
    expect(await redeemed(await refreshTokenOf('admin'))).toBe('admin')
  })

  it('a new account of the same name with the same password', async () => {
    const name = await newAccount()
    const token = await refreshTokenOf(name)
    await execute('DELETE FROM accounts WHERE name = ?', name)
    await newAccount(undefined, name)
    expect(await redeemed(token)).toBeNull()
  })

  it('nothing where there were no session numbers yet, until the first sign-out', async () => {
    const name = await newAccount()
    await execute('UPDATE accounts SET session = 0 WHERE name = ?', name)
    const identity = await identityOf(context, name)
    if (identity === null) throw new Error('no such account')
    const token = await issueRefreshToken(db, settings, { ...identity, session: null })
    expect(await redeemed(token ?? '')).toBe(name)
    await execute('UPDATE accounts SET session = session + 1 WHERE name = ?', name)
    expect(await redeemed(token ?? '')).toBeNull()
  })

  it('the same password, hashed anew', async () => {
    const password = 'the very same password'
    const name = await newAccount(await hashPassword(password))
    const token = await refreshTokenOf(name)
    const hash = await hashPassword(password)
    await execute('UPDATE accounts SET password_hash = ? WHERE name = ?', hash, name)
    expect(await redeemed(token)).toBeNull()
  })

  it('the account, disabled or gone', async () => {
    const [one, other] = [await newAccount(), await newAccount()]
    const tokens = [await refreshTokenOf(one), await refreshTokenOf(other)]
    await execute('UPDATE accounts SET disabled = 1 WHERE name = ?', one)
    await execute('DELETE FROM accounts WHERE name = ?', other)
    expect(await Promise.all(tokens.map((token) => redeemed(token)))).toEqual([null, null])
  })

  it('an account of the same name that came after it', async () => {
    const name = await newAccount()
    const token = await refreshTokenOf(name)
    await execute('DELETE FROM accounts WHERE name = ?', name)
    await newAccount(await hashPassword('a password of another'), name)
    expect(await redeemed(token)).toBeNull()
  })

  it('the access token, withdrawn or run out', async () => {
    const owner = await newAccount()
    const [one, other] = [await newToken(owner), await newToken(owner)]
    const tokens = [
      await refreshTokenOf(`${owner}/${one.id}`),
      await refreshTokenOf(`${owner}/${other.id}`),
    ]
    await execute('UPDATE access_tokens SET revoked_at = 1 WHERE id = ?', one.id)
    await execute('UPDATE access_tokens SET expires_at = 1 WHERE id = ?', other.id)
    expect(await Promise.all(tokens.map((token) => redeemed(token)))).toEqual([null, null])
  })

  it('another ADMIN_PASSWORD', async () => {
    const token = await refreshTokenOf('admin')
    expect(await redeemed(token, contextOf({ adminPassword: 'a new administrator' }))).toBeNull()
    expect(await redeemed(token, contextOf({ adminPassword: null }))).toBeNull()
  })

  it('another line in HTPASSWD', async () => {
    const name = newName()
    const lines = (hash: string): Htpasswd => new Map([[name, hash]])
    const token = await refreshTokenOf(name, contextOf({ htpasswd: lines('$2y$05$one') }))
    expect(await redeemed(token, contextOf({ htpasswd: lines('$2y$05$one') }))).toBe(name)
    expect(await redeemed(token, contextOf({ htpasswd: lines('$2y$05$two') }))).toBeNull()
    expect(await redeemed(token, contextOf())).toBeNull()
  })
})

describe('a token of one kind is not accepted as the other:', () => {
  it('a refresh token opens no route', async () => {
    expect(await verifyToken(db, settings, await refreshTokenOf('admin'))).toBeNull()
  })

  it('a bearer token refreshes nothing', async () => {
    const { token } = await issueToken(db, settings, { subject: 'admin', access: [] })
    expect(await redeemed(token)).toBeNull()
  })

  it('a refresh token of another service refreshes nothing', async () => {
    const token = await refreshTokenOf('admin', contextOf({ tokenService: 'other.test' }))
    expect(await redeemed(token)).toBeNull()
  })
})

describe('a forged refresh token', () => {
  const now = Math.floor(Date.now() / 1000)
  const claims = async () => {
    const verifier = (await identityOf(context, 'admin'))?.verifier ?? ''
    const key = await signingKey(env.DB, 'refresh')
    const mac = await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(verifier))
    const cred = new Uint8Array(mac).toBase64({ alphabet: 'base64url', omitPadding: true })
    const { tokenService: iss } = settings
    const times = { iat: now, nbf: now, exp: now + 1000 }
    return { iss, aud: `${iss}/refresh`, sub: 'admin', jti: 'x', cred, ...times }
  }

  it.each<[string, object, object, string | null]>([
    ['is not: a good one', {}, {}, 'admin'],
    ['has the fingerprint of nobody', { cred: '' }, {}, null],
    ['has no fingerprint', { cred: undefined }, {}, null],
    ['has a fingerprint that is a list', { cred: [''] }, {}, null],
    ['is for somebody else', { sub: 'root' }, {}, null],
    ['is for anonymous', { sub: '' }, {}, null],
    ['is for bearer tokens', { aud: 'registry.test' }, {}, null],
    ['is for a list', { aud: ['registry.test/refresh'] }, {}, null],
    ['is from elsewhere', { iss: 'other' }, {}, null],
    ['is over', { exp: now - 31 }, {}, null],
    ['is yet to come', { nbf: now + 90 }, {}, null],
    ['has the typ of a bearer token', {}, { typ: 'JWT' }, null],
    ['names no algorithm', {}, { alg: 'none' }, null],
  ])('%s', async (_, change, header, expected) => {
    const registry = await registryForger(db)
    const head = { alg: 'ES256', typ: 'refresh+jwt', kid: registry.kid, ...header }
    const token = await signed(registry, head, { ...(await claims()), ...change })
    expect(await redeemed(token)).toBe(expected)
  })

  it.each(['', 'x', 'a.b.c', '\u0000', 'A'.repeat(100_000)])('is no token', async (text) => {
    expect(await redeemed(text)).toBeNull()
  })
})
