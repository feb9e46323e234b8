/** Hundreds of tokens that must not be taken, and those that must: each of them against verifyToken. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { issueToken, verifyToken } from '../../../src/auth/tokens/bearer-tokens.ts'
import { currentKey } from '../../../src/auth/tokens/token-keys.ts'
import { goodClaims, goodHeader, type Target } from '../../support/bad-token-table.ts'
import { badTokens } from '../../support/bad-tokens.ts'
import { registryForger, signed } from '../../support/forged-tokens.ts'
import { contextOf } from '../login-support.ts'

const { db, settings } = contextOf()
await currentKey(db)

// The clock stands still, so that a second more or less is exact.
const now = 1_795_000_000
const target: Target = { registry: await registryForger(db), service: settings.tokenService, now }
const corpus = await badTokens(target)

beforeAll(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: now * 1000 })
})

afterAll(() => {
  vi.useRealTimers()
})

describe('a good token', () => {
  it.each<[string, object]>([
    ['as it is', {}],
    ['of nobody', { sub: '' }],
    ['29 s past its end', { exp: now - 29 }],
    ['30 s before its beginning', { nbf: now + 30 }],
    ['without access', { access: [] }],
    ['without lists', { visible: undefined }],
    ['with a claim that nobody reads', { x: 1 }],
    ['with a name in another script', { sub: 'Zo\u00eb \u{1f433}' }],
  ])('is taken %s', async (_, change) => {
    const claims = { ...goodClaims(target), ...change }
    const token = await signed(target.registry, goodHeader(target), claims)
    const { sub, access, visible = [] } = { visible: [], ...JSON.parse(JSON.stringify(claims)) }
    expect(await verifyToken(db, settings, token)).toEqual({ subject: sub, access, visible })
  })

  it('is taken when the registry made it', async () => {
    const { token } = await issueToken(db, settings, { subject: 'me', access: [] })
    expect(await verifyToken(db, settings, token)).toMatchObject({ subject: 'me' })
  })
})

describe('the corpus', () => {
  it('has tokens no two of which are alike', () => {
    expect(new Set(corpus.map(({ name }) => name)).size).toBe(corpus.length)
    expect(new Set(corpus.map(({ token }) => token)).size).toBe(corpus.length)
  })

  it.each(corpus)('$name', async ({ token }) => {
    expect(await verifyToken(db, settings, token)).toBeNull()
  })
})
