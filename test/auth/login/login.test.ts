/** Who gets in with a name and a password or access token, with which rights, what that costs, and when it ends. */
import { env } from 'cloudflare:workers'
import { hash } from 'bcryptjs'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { AuthContext } from '../../../src/auth/login/auth-settings.ts'
import { NAME_FACTOR } from '../../../src/auth/login/guarded-login.ts'
import { parseHtpasswd } from '../../../src/auth/login/htpasswd.ts'
import type { Identity } from '../../../src/auth/login/identity.ts'
import { KnownCredentials } from '../../../src/auth/login/known-credentials.ts'
import {
  anonymousIdentity,
  identityOf,
  login,
  requireCredentials,
} from '../../../src/auth/login/login.ts'
import { hashPassword } from '../../../src/auth/login/passwords.ts'
import { Usage } from '../../../src/lib/usage.ts'
import { listAudit } from '../../../src/store/access/audit.ts'
import { CountedDatabase } from '../../../src/store/database/database.ts'
import { countBindings, counted } from '../../support/counting.ts'
import {
  ADMIN_PASSWORD,
  contextOf,
  execute,
  FAILURES_MAX,
  grant,
  hashesDuring,
  newAccount,
  newName,
  newToken,
  PASSWORD,
  repeat,
  statusOf,
  tryLogin,
} from '../login-support.ts'

const htpasswd = parseHtpasswd(`frodo:${await hash('baggins', 4)}\nbilbo:{SHA}x`)

let context: AuthContext

beforeEach(() => {
  context = contextOf({ htpasswd })
})

afterEach(() => {
  vi.useRealTimers()
})

function pass(milliseconds: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + milliseconds })
}

function rightsOn(identity: Identity | null, repository: string): string[] {
  return [...(identity?.rights.on(repository) ?? [])].sort()
}

/** A context in which nobody can ask the guard. */
function unguarded(): AuthContext {
  const logins = new Proxy(env.LOGINS, {
    get() {
      throw new Error('the guard was asked')
    },
  })
  return { ...contextOf({ htpasswd }), logins }
}

/** Locks the account, from many addresses. */
async function lock(name: string): Promise<void> {
  const times = NAME_FACTOR * FAILURES_MAX
  await repeat(times, 10, () => statusOf(contextOf(), name, 'wrong password'))
}

describe('a registry without credentials', () => {
  /** Of a deployed registry that nobody has configured; the database anew, which is remembered to have accounts. */
  const unset = (): AuthContext => ({
    ...contextOf({ adminPassword: null }),
    db: countBindings(env).DB,
  })

  it('says what to set', async () => {
    await execute('DELETE FROM accounts')
    const fresh = unset()
    for (const attempt of [
      () => requireCredentials(fresh),
      () => login(fresh, { user: 'admin', password: ADMIN_PASSWORD }),
      () => login(fresh, { user: 'admin', password: '' }),
    ]) {
      await expect(attempt()).rejects.toMatchObject({
        status: 503,
        entries: [{ code: 'UNAVAILABLE', message: expect.stringContaining('ADMIN_PASSWORD') }],
      })
    }
  })

  it('has credentials from its first account on, which it looks for once', async () => {
    const bound = countBindings(env)
    const fresh = contextOf({ adminPassword: null })
    await newAccount()
    // Each request counts its calls of the database in an object of its own.
    const request = () => ({ ...fresh, db: new CountedDatabase(bound.DB, new Usage()) })
    expect((await counted(() => requireCredentials(request()))).d1).toBe(1)
    expect((await counted(() => requireCredentials(request()))).d1).toBe(0)
    expect(await statusOf(fresh, 'admin', ADMIN_PASSWORD)).toBe(401)
  })

  it.each([
    ['a password for admin', { adminPassword: ADMIN_PASSWORD }],
    ['an htpasswd', { adminPassword: null, htpasswd }],
    [
      'a token service',
      { adminPassword: null, tokenAuth: { realm: '', service: '', issuer: '', keys: [] } },
    ],
  ])('is not one with %s, and needs no query', async (_, settings) => {
    const set = { ...unset(), ...contextOf(Object(settings)), db: unset().db }
    expect((await counted(() => requireCredentials(set))).d1).toBe(0)
  })
})

describe('the administrator', () => {
  it('may do everything', async () => {
    const identity = await login(context, { user: 'admin', password: ADMIN_PASSWORD })
    expect(identity).toMatchObject({ kind: 'admin', subject: 'admin' })
    expect(identity.rights.isAdministrator).toBe(true)
    expect(rightsOn(identity, 'any/name')).toEqual(['admin', 'create', 'delete', 'pull', 'push'])
    expect(identity.verifier).not.toContain(ADMIN_PASSWORD)
  })

  it.each([
    ['another password', 'admin', `${ADMIN_PASSWORD}!`],
    ['the password cut short', 'admin', ADMIN_PASSWORD.slice(0, -1)],
    ['no password', 'admin', ''],
    ['another case', 'Admin', ADMIN_PASSWORD],
    ['no name', '', ADMIN_PASSWORD],
  ])('is not a caller with %s', async (_, user, password) => {
    expect(await statusOf(context, user, password)).toBe(401)
  })

  it('cannot log in if no password is set', async () => {
    const without = contextOf({ adminPassword: null, htpasswd })
    expect(await statusOf(without, 'admin', '')).toBe(401)
    expect(await identityOf(without, 'admin')).toBeNull()
  })

  it('is not the account of this name, even if there is one', async () => {
    const name = await newAccount(await hashPassword(PASSWORD), 'admin')
    expect(await statusOf(context, name, PASSWORD)).toBe(401)
    expect(await statusOf(context, name, ADMIN_PASSWORD)).toBe(200)
    await execute('DELETE FROM accounts WHERE name = ?', name)
  })
})

describe('an account', () => {
  it('has its grants, those of the authenticated and those of anonymous, and no others', async () => {
    const name = await newAccount()
    await grant('account', name, `${name}/own`, 'push')
    await grant('account', newName(), `${name}/other`, 'pull')
    await grant('token', name, `${name}/token`, 'pull')
    await grant('trust', name, `${name}/trust`, 'pull')
    await grant('authenticated', '', `${name}/all`, 'delete')
    await grant('anonymous', '', `${name}/public`, 'pull')
    const identity = await login(context, { user: name, password: PASSWORD })
    expect(identity).toMatchObject({ kind: 'account', subject: name })
    expect(identity.rights.isAdministrator).toBe(false)
    const rights = (leaf: string) => rightsOn(identity, `${name}/${leaf}`)
    expect(rights('own')).toEqual(['create', 'push'])
    expect(rights('all')).toEqual(['delete'])
    expect(rights('public')).toEqual(['pull'])
    for (const leaf of ['other', 'token', 'trust', 'none']) expect(rights(leaf)).toEqual([])
    const anonymous = await anonymousIdentity(env.DB)
    expect(anonymous).toMatchObject({ kind: 'anonymous', subject: '', verifier: null })
    expect(rightsOn(anonymous, `${name}/public`)).toEqual(['pull'])
    expect(rightsOn(anonymous, `${name}/all`)).toEqual([])
  })

  it.each([
    ['another password', 'wrong password'],
    ['the password cut short', PASSWORD.slice(0, -1)],
    ['the password and more', `${PASSWORD} `],
    ['the password of admin', ADMIN_PASSWORD],
    ['no password', ''],
    ['a very long one', 'x'.repeat(10_000)],
  ])('does not admit %s', async (_, password) => {
    expect(await statusOf(context, await newAccount(), password)).toBe(401)
  })

  it('without a password admits no password', async () => {
    const name = await newAccount(null)
    for (const password of ['', 'null', PASSWORD]) {
      expect(await statusOf(context, name, password)).toBe(401)
    }
  })
})

describe('a user of htpasswd', () => {
  it('may pull, push and delete everywhere, and not administer', async () => {
    const identity = await login(context, { user: 'frodo', password: 'baggins' })
    expect(identity).toMatchObject({ kind: 'htpasswd', subject: 'frodo' })
    expect(rightsOn(identity, 'any/name')).toEqual(['create', 'delete', 'pull', 'push'])
    expect(identity.rights.isAdministrator).toBe(false)
  })

  it('is admitted only with the right password of a bcrypt hash', async () => {
    expect(await statusOf(context, 'frodo', 'bagginses')).toBe(401)
    expect(await statusOf(context, 'bilbo', '{SHA}x')).toBe(401)
    expect(await statusOf(contextOf(), 'frodo', 'baggins')).toBe(401)
  })

  it('is the account of this name, if there is one', async () => {
    const name = newName()
    const both = contextOf({ htpasswd: parseHtpasswd(`${name}:${await hash('baggins', 4)}`) })
    expect(await statusOf(both, name, 'baggins')).toBe(200)
    await newAccount(await hashPassword(PASSWORD), name)
    expect(await statusOf(both, name, 'baggins')).toBe(401)
    expect((await login(both, { user: name, password: PASSWORD })).kind).toBe('account')
    await execute('UPDATE accounts SET disabled = 1 WHERE name = ?', name)
    expect(await statusOf(both, name, 'baggins')).toBe(401)
    expect(await statusOf(both, name, PASSWORD)).toBe(401)
  })
})

describe('an access token', () => {
  it('has the rights of its owner, within its limits', async () => {
    const name = await newAccount()
    await grant('account', name, `${name}/*`, 'push', 'pull')
    const whole = await newToken(name)
    const limited = await newToken(name, { limited: true })
    await grant('token', limited.id, `${name}/app`, 'pull', 'delete')
    const nothing = await newToken(name, { limited: true })
    const rights = async ({ secret }: { secret: string }, repository: string) =>
      rightsOn(await login(context, { user: name, password: secret }), repository)
    expect(await rights(whole, `${name}/app`)).toEqual(['create', 'pull', 'push'])
    expect(await rights(limited, `${name}/app`)).toEqual(['pull'])
    expect(await rights(limited, `${name}/other`)).toEqual([])
    expect(await rights(nothing, `${name}/app`)).toEqual([])
    const identity = await login(context, { user: name, password: whole.secret })
    expect(identity).toMatchObject({ kind: 'token', subject: `${name}/${whole.id}` })
  })

  it('is valid only with the name of its owner', async () => {
    const { secret } = await newToken(await newAccount())
    for (const user of [await newAccount(), newName(), 'admin', 'frodo', '']) {
      expect(await statusOf(context, user, secret)).toBe(401)
    }
  })

  it('is not accepted as its hash, or without its checksum', async () => {
    const name = await newAccount()
    const token = await newToken(name)
    for (const password of [token.hash, token.secret.slice(0, -1), `${token.secret}x`, token.id]) {
      expect(await statusOf(context, name, password)).toBe(401)
    }
  })

  it('has its last use noted, once a minute', async () => {
    const name = await newAccount()
    const { id, secret } = await newToken(name)
    const lastUse = () =>
      env.DB.prepare('SELECT last_used_at AS at FROM access_tokens WHERE id = ?')
        .bind(id)
        .first<number>('at')
    pass(0)
    const began = Date.now()
    await login(context, { user: name, password: secret })
    expect(await lastUse()).toBe(began)
    pass(59_999)
    await login(context, { user: name, password: secret })
    expect(await lastUse()).toBe(began)
    pass(1)
    await login(context, { user: name, password: secret })
    expect(await lastUse()).toBe(began + 60_000)
  })

  it('is accepted even if its use cannot be noted', async () => {
    const name = await newAccount()
    const { id, secret } = await newToken(name)
    const error = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    await execute(`CREATE TRIGGER full BEFORE UPDATE ON access_tokens
      BEGIN SELECT RAISE(ABORT, 'the database is full'); END`)
    try {
      expect(await statusOf(context, name, secret)).toBe(200)
      expect(error.mock.calls.join()).toContain(id)
      expect(error.mock.calls.join()).not.toContain(secret)
    } finally {
      await execute('DROP TRIGGER full')
      error.mockRestore()
    }
  })
})

describe('the cost of a login', () => {
  const db = countBindings(env).DB

  it.each<[string, number, (name: string) => Promise<[string, string]>]>([
    ['an account', 1, async (name) => [name, PASSWORD]],
    ['a wrong password', 2, async (name) => [name, 'wrong password']],
    ['a name that nobody has', 2, async () => [newName(), PASSWORD]],
    ['a user of htpasswd', 1, async () => ['frodo', 'baggins']],
    ['an access token', 1, async (name) => [name, (await newToken(name)).secret]],
    ['the administrator', 0, async () => ['admin', ADMIN_PASSWORD]],
  ])('of %s: %i queries', async (_, queries, credentials) => {
    const [user, password] = await credentials(await newAccount())
    await statusOf(context, user, password)
    const { d1 } = await counted(() => statusOf({ ...context, db }, user, password))
    expect(d1).toBe(queries)
  })

  it('with a known password: no hash, and no call of the guard', async () => {
    const name = await newAccount(await hashPassword(PASSWORD))
    for (const [user, password] of [
      [name, PASSWORD],
      ['frodo', 'baggins'],
      ['admin', ADMIN_PASSWORD],
    ] as const) {
      await login(context, { user, password })
      const hashes = await hashesDuring(() => login(unguarded(), { user, password }))
      expect(hashes).toBe(0)
    }
  })

  it('many at once with one right password: one hash', async () => {
    const name = await newAccount(await hashPassword(PASSWORD))
    const statuses: number[] = []
    const hashes = await hashesDuring(async () => {
      statuses.push(...(await repeat(8, 8, () => statusOf(context, name, PASSWORD))))
    })
    expect(statuses).toEqual(Array(8).fill(200))
    expect(hashes).toBe(1)
  })

  it('with an access token: no hash, and no call of the guard', async () => {
    const name = await newAccount()
    const { secret } = await newToken(name)
    const hashes = await hashesDuring(() => login(unguarded(), { user: name, password: secret }))
    expect(hashes).toBe(0)
  })

  it('with a wrong password, repeated: a hash each time', async () => {
    const name = await newAccount()
    const hashes = await hashesDuring(async () => {
      for (let times = 0; times < 3; times += 1) await statusOf(context, name, 'wrong password')
    })
    expect(hashes).toBe(3)
  })
})

describe('a login that the isolate knows follows a change:', () => {
  let name: string
  let token: { id: string; secret: string }

  beforeEach(async () => {
    name = await newAccount(await hashPassword(PASSWORD))
    token = await newToken(name)
    for (const password of [PASSWORD, token.secret, PASSWORD, token.secret]) {
      expect(await statusOf(context, name, password)).toBe(200)
    }
  })

  it.each<[string, string, 401 | 200, 401 | 200]>([
    ['the account is disabled', 'UPDATE accounts SET disabled = 1 WHERE name = ?1', 401, 401],
    ['the account is deleted', 'DELETE FROM accounts WHERE name = ?1', 401, 401],
    [
      'the password is removed',
      'UPDATE accounts SET password_hash = NULL WHERE name = ?1',
      401,
      200,
    ],
    [
      'the token is revoked',
      `UPDATE access_tokens SET revoked_at = 1
        WHERE account_id = (SELECT id FROM accounts WHERE name = ?1)`,
      200,
      401,
    ],
    [
      'the token is deleted',
      `DELETE FROM access_tokens WHERE account_id = (SELECT id FROM accounts WHERE name = ?1)`,
      200,
      401,
    ],
  ])('%s', async (_, sql, byPassword, byToken) => {
    await execute(sql, name)
    expect(await statusOf(context, name, PASSWORD)).toBe(byPassword)
    expect(await statusOf(context, name, token.secret)).toBe(byToken)
    expect((await identityOf(context, name)) !== null).toBe(byPassword === 200)
    expect((await identityOf(context, `${name}/${token.id}`)) !== null).toBe(byToken === 200)
  })

  it('the password is changed', async () => {
    const before = await identityOf(context, name)
    const changed = await hashPassword('another password')
    await execute('UPDATE accounts SET password_hash = ? WHERE name = ?', changed, name)
    expect(await statusOf(context, name, PASSWORD)).toBe(401)
    expect(await statusOf(context, name, 'another password')).toBe(200)
    expect((await identityOf(context, name))?.verifier).not.toBe(before?.verifier)
  })

  it('the password of admin is changed', async () => {
    expect(await statusOf(context, 'admin', ADMIN_PASSWORD)).toBe(200)
    const changed = contextOf({ adminPassword: 'another password' })
    expect(await statusOf(changed, 'admin', ADMIN_PASSWORD)).toBe(401)
    expect(await statusOf(changed, 'admin', 'another password')).toBe(200)
    const verifiers = await Promise.all([context, changed].map((each) => identityOf(each, 'admin')))
    expect(verifiers[0]?.verifier).not.toBe(verifiers[1]?.verifier)
  })

  it('the line of htpasswd is changed', async () => {
    expect(await statusOf(context, 'frodo', 'baggins')).toBe(200)
    const changed = contextOf({ htpasswd: parseHtpasswd(`frodo:${await hash('underhill', 4)}`) })
    expect(await statusOf(changed, 'frodo', 'baggins')).toBe(401)
    expect(await statusOf(changed, 'frodo', 'underhill')).toBe(200)
  })

  it('the token expires', async () => {
    pass(0)
    const expiring = await newToken(name, { expiresAt: Date.now() + 1000 })
    pass(999)
    expect(await statusOf(context, name, expiring.secret)).toBe(200)
    pass(1)
    expect(await statusOf(context, name, expiring.secret)).toBe(401)
    expect(await identityOf(context, `${name}/${expiring.id}`)).toBeNull()
  })

  it('a grant of the account or the token is removed', async () => {
    const rights = async (password: string) =>
      rightsOn(await login(context, { user: name, password }), `${name}/app`)
    const limited = await newToken(name, { limited: true })
    await grant('account', name, `${name}/*`, 'pull')
    await grant('token', limited.id, `${name}/*`, 'pull')
    for (const password of [PASSWORD, token.secret, limited.secret]) {
      expect(await rights(password)).toEqual(['pull'])
    }
    await execute('DELETE FROM grants WHERE principal = ?', limited.id)
    expect(await rights(limited.secret)).toEqual([])
    expect(await rights(token.secret)).toEqual(['pull'])
    await execute('DELETE FROM grants WHERE principal = ?', name)
    for (const password of [PASSWORD, token.secret]) expect(await rights(password)).toEqual([])
  })
})

describe('the identity of a subject', () => {
  it('is the same as that of its login', async () => {
    const name = await newAccount(await hashPassword(PASSWORD))
    const token = await newToken(name)
    await grant('account', name, `${name}/app`, 'pull')
    for (const [user, password] of [
      [name, PASSWORD],
      [name, token.secret],
      ['frodo', 'baggins'],
      ['admin', ADMIN_PASSWORD],
    ] as const) {
      const identity = await login(context, { user, password })
      const again = await identityOf(context, identity.subject)
      expect(again).toMatchObject({
        kind: identity.kind,
        subject: identity.subject,
        verifier: identity.verifier,
      })
      expect(rightsOn(again, `${name}/app`)).toEqual(rightsOn(identity, `${name}/app`))
    }
  })

  it.each(['', 'nobody', 'nobody/token', '/', 'admin/', 'oidc:issuer.test:sub', 'oidc:a/b:c'])(
    'is none for %o',
    async (subject) => {
      expect(await identityOf(context, subject)).toBeNull()
    },
  )
})

describe('failures', () => {
  it('are forgotten with the right password', async () => {
    const name = await newAccount()
    for (let round = 0; round < 2; round += 1) {
      for (let times = 0; times < FAILURES_MAX - 1; times += 1) {
        expect(await statusOf(contextOf(), name, 'wrong password')).toBe(401)
      }
      // Each round another one, which the isolate does not know: a known one would not ask the guard.
      const password = `right password ${round}`
      const changed = await hashPassword(password)
      await execute('UPDATE accounts SET password_hash = ? WHERE name = ?', changed, name)
      expect(await statusOf(contextOf(), name, password)).toBe(200)
    }
  })

  it('make the right password wait too, but not one that the isolate knows, or a token', async () => {
    const name = await newAccount(await hashPassword(PASSWORD))
    const { secret } = await newToken(name)
    pass(0)
    await lock(name)
    const outcome = await tryLogin(context, name, PASSWORD)
    expect(outcome).toMatchObject({
      error: {
        status: 429,
        headers: { 'Retry-After': '30' },
        entries: [{ code: 'TOOMANYREQUESTS' }],
      },
    })
    expect(await statusOf(context, name, secret)).toBe(200)
    pass(30_000)
    expect(await statusOf(context, name, PASSWORD)).toBe(200)
    await lock(name)
    expect(await statusOf(contextOf(), name, 'wrong password')).toBe(429)
    expect(await statusOf(contextOf(), name, PASSWORD)).toBe(200)
  })

  it('from elsewhere do not delay a name where it has logged in before', async () => {
    const name = await newAccount(await hashPassword(PASSWORD))
    const home = contextOf()
    expect(await statusOf(home, name, PASSWORD)).toBe(200)
    await lock(name)
    expect(await statusOf(contextOf(), name, PASSWORD)).toBe(200)
    // Another password, which the isolate does not know: it has to ask the guard.
    const password = 'a changed password'
    const changed = await hashPassword(password)
    await execute('UPDATE accounts SET password_hash = ? WHERE name = ?', changed, name)
    expect(await statusOf(contextOf(), name, password)).toBe(429)
    expect(await statusOf(home, name, 'wrong password')).toBe(401)
    expect(await statusOf(home, name, password)).toBe(200)
  })

  it('of one stranger do not delay the first login of a name', async () => {
    const name = await newAccount(await hashPassword(PASSWORD))
    const stranger = contextOf()
    for (let times = 0; times < 3 * FAILURES_MAX; times += 1) {
      await statusOf(stranger, name, 'wrong password')
    }
    expect(await statusOf(contextOf(), name, PASSWORD)).toBe(200)
  })

  it('of one account do not delay another one from the same address', async () => {
    const [locked, other] = [await newAccount(), await newAccount()]
    await lock(locked)
    for (let times = 0; times < 20; times += 1) await statusOf(context, locked, 'wrong password')
    expect(await statusOf(context, other, 'wrong password')).toBe(401)
  })
})

describe('a refusal', () => {
  it('is the same for everything that is wrong', async () => {
    const name = await newAccount()
    const disabled = await newAccount()
    await execute('UPDATE accounts SET disabled = 1 WHERE name = ?', disabled)
    const expired = await newToken(name, { expiresAt: 1 })
    const revoked = await newToken(name, { revokedAt: 1 })
    for (const [user, password] of [
      [name, 'wrong password'],
      [newName(), PASSWORD],
      [disabled, PASSWORD],
      [name, expired.secret],
      [name, revoked.secret],
      ['admin', 'wrong password'],
      ['frodo', 'wrong password'],
    ] as const) {
      const outcome = await tryLogin(contextOf({ htpasswd }), user, password)
      if (outcome.kind === 'in') throw new Error(`${user} was let in`)
      const { status, headers, entries, message } = outcome.error
      expect({ status, headers, entries, message }).toEqual({
        status: 401,
        headers: {},
        entries: [{ code: 'UNAUTHORIZED', message: 'wrong user name, password or access token' }],
        message: 'wrong user name, password or access token',
      })
    }
  })

  it('is counted in the audit log', async () => {
    const name = await newAccount()
    const counted = async () =>
      (await listAudit(env.DB, Number.MAX_SAFE_INTEGER, 10, { action: 'login.failed' }))
        .filter(({ target }) => target === name)
        .map(({ detail }) => detail)
    await tryLogin(context, name, 'wrong password')
    await tryLogin(context, name, `berth_${'x'.repeat(43)}`)
    await tryLogin(context, name, PASSWORD)
    expect(await counted()).toEqual([{ count: 2 }])
  })

  it('shows the credential in neither the error nor the log', async () => {
    const methods = ['log', 'info', 'warn', 'error', 'debug'] as const
    const spies = methods.map((method) => vi.spyOn(console, method))
    const name = await newAccount()
    const { secret } = await newToken(name, { revokedAt: 1 })
    const shown: string[] = []
    for (const password of ['wrong password', secret]) {
      for (let times = 0; times < FAILURES_MAX + 2; times += 1) {
        const outcome = await tryLogin(context, name, password)
        if (outcome.kind === 'in') throw new Error('it was let in')
        const { stack, headers } = outcome.error
        shown.push(JSON.stringify(outcome.error), JSON.stringify(headers), stack ?? '')
      }
    }
    shown.push(...spies.flatMap(({ mock }) => mock.calls.map(String)))
    for (const spy of spies) spy.mockRestore()
    expect(shown.length).toBeGreaterThan(0)
    expect(shown.join()).not.toMatch(/wrong password|berth_/)
  })
})

describe('known credentials', () => {
  it('are those of the same password and the same verifier', async () => {
    const known = new KnownCredentials()
    known.add(await known.entryOf('verifier', PASSWORD))
    expect(known.has(await known.entryOf('verifier', PASSWORD))).toBe(true)
    expect(known.has(await known.entryOf('verifier', `${PASSWORD} `))).toBe(false)
    expect(known.has(await known.entryOf('another', PASSWORD))).toBe(false)
    expect(
      known.has(await known.entryOf(`verifier${PASSWORD.slice(0, 1)}`, PASSWORD.slice(1))),
    ).toBe(false)
  })

  it('of another isolate are others', async () => {
    const entries = await Promise.all(
      [new KnownCredentials(), new KnownCredentials()].map((known) => known.entryOf('v', 'p')),
    )
    expect(entries[0]).not.toBe(entries[1])
  })

  it('beyond the capacity are dropped, the least recently used first', () => {
    const known = new KnownCredentials(3)
    for (const entry of ['a', 'b', 'c']) known.add(entry)
    known.has('a')
    known.add('d')
    known.add('d')
    expect(['a', 'b', 'c', 'd'].map((entry) => known.has(entry))).toEqual([true, false, true, true])
  })
})
