/** Bearer tokens of the registry's own: what they say, for how long, and what checking one costs. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { issueToken, verifyToken } from '../../../src/auth/tokens/bearer-tokens.ts'
import { currentKey, rotateTokenKeys } from '../../../src/auth/tokens/token-keys.ts'
import { goodClaims, goodHeader } from '../../support/bad-token-table.ts'
import { countBindings, counted } from '../../support/counting.ts'
import { registryForger, signed } from '../../support/forged-tokens.ts'
import { contextOf } from '../login-support.ts'

const { settings } = contextOf({ tokenTtlSeconds: 300 })
const ACCESS = [{ type: 'repository', name: 'team/app', actions: ['pull', 'push'] }]

/** The database as another isolate sees it. */
function isolate(): D1Database {
  return countBindings(env).DB
}

function later(seconds: number): void {
  vi.setSystemTime(Date.now() + seconds * 1000)
}

function part(token: string, index: number): Record<string, unknown> {
  const bytes = Uint8Array.fromBase64(token.split('.')[index] ?? '', { alphabet: 'base64url' })
  return JSON.parse(new TextDecoder().decode(bytes))
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_795_000_000_900 })
})

afterEach(() => {
  vi.useRealTimers()
})

describe('issueToken', () => {
  it('includes the required claims and no others', async () => {
    const db = isolate()
    const grant = { subject: 'me', access: ACCESS, visible: ['team/*'] }
    const { token, expiresIn, issuedAt } = await issueToken(db, settings, grant)
    const { kid } = await currentKey(db)
    expect(part(token, 0)).toEqual({ alg: 'ES256', typ: 'JWT', kid })
    expect(part(token, 1)).toEqual({
      iss: 'registry.test',
      aud: 'registry.test',
      sub: 'me',
      iat: 1_795_000_000,
      nbf: 1_795_000_000,
      exp: 1_795_000_300,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      access: ACCESS,
      visible: ['team/*'],
    })
    expect(expiresIn).toBe(300)
    expect(issuedAt).toEqual(new Date(1_795_000_000_000))
  })

  it('never issues the same token twice', async () => {
    const db = isolate()
    const grant = { subject: 'me', access: ACCESS }
    const tokens = await Promise.all([1, 2, 3].map(() => issueToken(db, settings, grant)))
    expect(new Set(tokens.map(({ token }) => part(token, 1).jti)).size).toBe(3)
  })
})

describe('a decision that does not fit', () => {
  const names = Array.from({ length: 100 }, (_, n) => `team/with-a-long-name/application-${n}`)
  const access = names.map((name) => ({ type: 'repository', name, actions: ['pull'] }))
  const lists = { type: 'registry', name: 'catalog', actions: ['*'] }
  const visible = Array.from({ length: 300 }, (_, n) => `team-${n}/with-a-long-name/**`)

  it.each([
    ['300 visible patterns', [...ACCESS, lists], visible, { access: [...ACCESS, lists], ask: [] }],
    ['100 scopes', access, undefined, { access: [], ask: ['pull'] }],
    ['both', [...access, ...ACCESS, lists], visible, { access: [lists], ask: ['pull', 'push'] }],
  ])('is asked for later: %s', async (_, granted, patterns, expected) => {
    const db = isolate()
    const grant = { subject: 'me', isKnown: true, access: granted }
    const { token } = await issueToken(db, settings, {
      ...grant,
      ...(patterns === undefined ? {} : { visible: patterns }),
    })
    expect(token.length).toBeLessThanOrEqual(4000)
    const verified = await verifyToken(db, settings, token)
    expect(verified).toEqual({ subject: 'me', visible: [], ...expected })
  })

  it('is cut if the subject has no rights to look up', async () => {
    const db = isolate()
    const { token } = await issueToken(db, settings, { subject: 'oidc:ci.test:x', access, visible })
    expect(token.length).toBeLessThanOrEqual(4000)
    const verified = await verifyToken(db, settings, token)
    expect(verified).toEqual({
      subject: 'oidc:ci.test:x',
      access: access.slice(0, 25),
      visible: [],
    })
  })
})

describe('verifyToken', () => {
  it('returns what was granted', async () => {
    const db = isolate()
    const grant = { subject: 'me', access: ACCESS, visible: ['team/*', 'x'] }
    const { token } = await issueToken(db, settings, grant)
    expect(await verifyToken(db, settings, token)).toEqual(grant)
  })

  it('gives no lists to a token without that scope', async () => {
    const db = isolate()
    const { token } = await issueToken(db, settings, { subject: '', access: [] })
    expect(await verifyToken(db, settings, token)).toEqual({ subject: '', access: [], visible: [] })
  })

  it('makes no query', async () => {
    const db = isolate()
    const { token } = await issueToken(db, settings, { subject: 'me', access: ACCESS })
    const { d1 } = await counted(() => verifyToken(db, settings, token))
    expect(d1).toBe(0)
  })

  it('accepts a token for its lifetime and 30 s of leeway', async () => {
    const db = isolate()
    const { token } = await issueToken(db, settings, { subject: 'me', access: ACCESS })
    const valid = async () => (await verifyToken(db, settings, token)) !== null
    later(-30)
    expect(await valid()).toBe(true)
    later(-1)
    expect(await valid()).toBe(false)
    later(31 + 300 + 29)
    expect(await valid()).toBe(true)
    later(1)
    expect(await valid()).toBe(false)
  })

  it('accepts no token of another service, and issues none for it', async () => {
    const db = isolate()
    const other = { ...settings, tokenService: 'other.test' }
    const { token } = await issueToken(db, other, { subject: 'me', access: ACCESS })
    expect(await verifyToken(db, other, token)).not.toBeNull()
    expect(await verifyToken(db, settings, token)).toBeNull()
  })

  it('accepts tokens of both keys around a rotation, in isolates that know of it and in others', async () => {
    const [before, after] = [isolate(), isolate()]
    const grant = { subject: 'me', access: ACCESS }
    const old = await issueToken(before, settings, grant)
    await rotateTokenKeys(after, Date.now(), 'now')
    const next = await issueToken(after, settings, grant)
    expect(part(next.token, 0).kid).not.toBe(part(old.token, 0).kid)
    for (const db of [before, after, isolate()]) {
      for (const { token } of [old, next]) {
        expect(await verifyToken(db, settings, token)).toMatchObject(grant)
      }
    }
  })

  it('keeps a key that was rotated away from signing anew', async () => {
    const forger = await registryForger(isolate())
    await rotateTokenKeys(isolate(), Date.now(), 'now')
    later(2 * 24 * 60 * 60)
    const { tokenService: service } = settings
    const target = { registry: forger, service, now: Math.floor(Date.now() / 1000) }
    const token = await signed(forger, goodHeader(target), goodClaims(target))
    expect(await verifyToken(isolate(), settings, token)).toBeNull()
  })

  it.each(['none', 'HS256', 'ES384', 'RS256', ''])(
    'looks for no key of a token that says alg %j',
    async (alg) => {
      const db = isolate()
      await currentKey(db)
      const registry = await registryForger(env.DB)
      const target = { registry, service: settings.tokenService, now: 1_795_000_000 }
      const header = { ...goodHeader(target), alg, kid: 'unknown' }
      const token = await signed(registry, header, goodClaims(target))
      const { d1 } = await counted(async () => {
        expect(await verifyToken(db, settings, token)).toBeNull()
      })
      expect(d1).toBe(0)
    },
  )

  it('fails if D1 fails, instead of calling the token invalid', async () => {
    const { token } = await issueToken(isolate(), settings, { subject: 'me', access: ACCESS })
    const broken: D1Database = Object.assign(Object.create(env.DB), {
      prepare() {
        throw new Error('D1 is away')
      },
    })
    await expect(verifyToken(broken, settings, token)).rejects.toThrow('D1 is away')
  })
})
