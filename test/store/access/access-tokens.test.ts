/** Access tokens in D1: names, limits, order, and what is left of those that ended. */
import { beforeAll, describe, expect, it } from 'vitest'
import {
  createAccessToken,
  findAccessToken,
  listAccessTokens,
  type NewAccessToken,
  revokeAccessToken,
  TOKENS_PER_ACCOUNT_MAX,
} from '../../../src/store/access/access-tokens.ts'
import { createAccount } from '../../../src/store/access/accounts.ts'
import type { ChangedBy } from '../../../src/store/access/audit.ts'
import { count, db } from '../support.ts'

const DAY_MS = 24 * 60 * 60 * 1000

function by(at: number): ChangedBy {
  return { actor: 'admin', address: '', requestId: 'r', at }
}

let made = 0

function create(account: string, name: string, at = 1000, extra: Partial<NewAccessToken> = {}) {
  made += 1
  const token = { account, name, secretHash: `hash ${made}`, grants: null, expiresAt: null }
  return createAccessToken(db, by(at), { ...token, ...extra })
}

async function names(account: string): Promise<string[]> {
  const wanted = { account, last: null, limit: 2000 }
  return (await listAccessTokens(db, wanted)).map(({ name }) => name)
}

beforeAll(async () => {
  for (const name of ['a', 'b', 'c', 'full']) {
    await createAccount(db, by(0), { name, passwordHash: null })
  }
})

describe('access tokens', () => {
  it('are found as they were created, and stay revoked', async () => {
    const grants = [{ pattern: 'team/*', actions: ['pull', 'push'] as const }]
    const token = await create('a', 'one', 1000, { grants, expiresAt: 5000 })
    if (typeof token === 'string') throw new Error(token)
    expect(token).toMatchObject({ account: 'a', name: 'one', grants, expiresAt: 5000 })
    expect(await findAccessToken(db, token.id)).toEqual(token)
    await revokeAccessToken(db, by(2000), token)
    const before = await count('audit')
    await revokeAccessToken(db, by(3000), token)
    expect(await findAccessToken(db, token.id)).toEqual({ ...token, revokedAt: 2000 })
    expect(await count('audit')).toBe(before)
  })

  it('need an account, and a name that no other has', async () => {
    const [audit, grants] = [await count('audit'), await count('grants')]
    const own = { grants: [{ pattern: 'x', actions: ['pull'] as const }] }
    expect(await create('missing', 'x', 1000, own)).toBe('no account')
    expect(await count('audit')).toBe(audit)
    const raced = await Promise.all(Array.from({ length: 5 }, () => create('b', 'x', 1000, own)))
    expect(raced.filter((one) => one === 'name taken')).toHaveLength(4)
    expect(await count('audit')).toBe(audit + 1)
    expect(await count('grants')).toBe(grants + 1)
  })

  it('free their name when they have expired', async () => {
    await create('b', 'short', 1000, {
      expiresAt: 2000,
      grants: [{ pattern: 'gone', actions: ['pull'] }],
    })
    expect(await create('b', 'short', 1999)).toBe('name taken')
    expect(await create('b', 'short', 2000)).toMatchObject({ expiresAt: null })
    const { results } = await db.prepare(`SELECT 1 FROM grants WHERE pattern = 'gone'`).all()
    expect(results).toEqual([])
  })

  it('are removed 90 days after their end, when the account creates the next one', async () => {
    const token = await create('c', 'revoked', 1000)
    if (typeof token === 'string') throw new Error(token)
    await revokeAccessToken(db, by(2000), token)
    await create('c', 'expired', 1000, { expiresAt: 3000 })
    await create('c', 'alive', 1000)
    await create('c', 'x', 2000 + 90 * DAY_MS)
    expect(await names('c')).toEqual(['alive', 'expired', 'revoked', 'x'])
    await create('c', 'y', 2001 + 90 * DAY_MS)
    expect(await names('c')).toEqual(['alive', 'expired', 'x', 'y'])
    await create('c', 'z', 3001 + 90 * DAY_MS)
    expect(await names('c')).toEqual(['alive', 'x', 'y', 'z'])
  })

  it('are limited in number for each account', async () => {
    await db
      .prepare(
        `INSERT INTO access_tokens (id, account_id, name, secret_hash, limited, created_at)
        SELECT 'id ' || value, (SELECT id FROM accounts WHERE name = 'full'), 'n' || value, value, 0, 0
        FROM json_each(?1)`,
      )
      .bind(JSON.stringify(Array.from({ length: TOKENS_PER_ACCOUNT_MAX - 1 }, (_, n) => n)))
      .run()
    expect(await create('full', 'last')).toMatchObject({ name: 'last' })
    expect(await create('full', 'more')).toBe('too many')
    expect(await create('b', 'more')).toMatchObject({ name: 'more' })
  })

  it('are listed by account and name, from any of them on', async () => {
    const keys = async (wanted: Parameters<typeof listAccessTokens>[1]) =>
      (await listAccessTokens(db, wanted)).map(({ account, name }) => `${account}/${name}`)
    const all = await keys({ account: null, last: null, limit: 13 })
    expect(all).toEqual(all.toSorted())
    expect(new Set(all.map((key) => key.slice(0, 1)))).toEqual(new Set(['a', 'b', 'c', 'f']))
    for (const [index, key] of all.entries()) {
      const [account = '', name = ''] = key.split('/')
      const last = { account, name }
      expect(await keys({ account: null, last, limit: 2 })).toEqual(
        (await keys({ account: null, last: null, limit: index + 3 })).slice(index + 1),
      )
      for (const key of await keys({ account: 'b', last, limit: 100 })) {
        expect(key).toMatch(/^b\//)
      }
    }
  })
})
