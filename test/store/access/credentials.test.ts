/** The queries of a login: what they find, and that none goes through a whole table. */
import { beforeAll, describe, expect, it } from 'vitest'
import {
  anonymousGrants,
  findCredentials,
  findTokenByName,
  findTokenBySecret,
  hasAccounts,
  noteTokenUse,
} from '../../../src/store/access/credentials.ts'
import { db } from '../support.ts'

const STATEMENTS = [
  `INSERT INTO accounts (id, name, password_hash, disabled, created_at)
    VALUES (1, 'one', 'hash', 0, 0), (2, 'two', NULL, 1, 0)`,
  `INSERT INTO access_tokens (id, account_id, name, secret_hash, limited, created_at, expires_at)
    VALUES ('t1', 1, 'ci', 's1', 1, 0, 5), ('t2', 2, 'ci', 's2', 0, 0, NULL)`,
  `INSERT INTO grants (principal_kind, principal, pattern, actions, created_at) VALUES
    ('account', 'one', 'a', '["pull"]', 0), ('account', 'two', 'b', '["pull"]', 0),
    ('token', 't1', 'c', '["push","delete"]', 0), ('token', 't2', 'd', '["pull"]', 0),
    ('trust', 'one', 'e', '["pull"]', 0), ('authenticated', '', 'f', '["pull"]', 0),
    ('anonymous', '', 'g', '["pull"]', 0), ('account', '', 'h', '["pull"]', 0)`,
]

/** The statements that the store prepares. */
const prepared = new Set<string>()
const watched = new Proxy(db, {
  get(target, name) {
    if (name !== 'prepare') return Reflect.get(target, name)
    return (sql: string) => {
      prepared.add(sql)
      return target.prepare(sql)
    }
  },
})

function grantTo(pattern: string, ...actions: string[]) {
  return { pattern, actions }
}

const TO_EVERYBODY = [grantTo('f', 'pull'), grantTo('g', 'pull')]

beforeAll(async () => {
  expect(await hasAccounts(watched)).toBe(false)
  for (const sql of STATEMENTS) await db.prepare(sql).run()
})

describe('an account', () => {
  it('is found with what it and everybody were granted', async () => {
    const account = await findCredentials(watched, 'one')
    expect(account).toMatchObject({ passwordHash: 'hash', disabled: false })
    expect(account?.grants).toHaveLength(3)
    expect(account?.grants).toEqual(expect.arrayContaining([grantTo('a', 'pull'), ...TO_EVERYBODY]))
  })

  it('is found if it is disabled, and marked as such', async () => {
    expect(await findCredentials(watched, 'two')).toMatchObject({
      passwordHash: null,
      disabled: true,
    })
  })

  it('is found by its exact name', async () => {
    for (const name of ['', 'three', 'One', 'on', 'one ', '%']) {
      expect(await findCredentials(watched, name)).toBeNull()
    }
    expect(await hasAccounts(watched)).toBe(true)
  })
})

describe('a token', () => {
  it('is found by its secret and by its name, with its grants and its owner', async () => {
    const token = await findTokenBySecret(watched, 'one', 's1')
    expect(token).toMatchObject({
      id: 't1',
      name: 'ci',
      secretHash: 's1',
      ownerDisabled: false,
      expiresAt: 5,
      revokedAt: null,
      lastUsedAt: null,
      limit: [grantTo('c', 'push', 'delete')],
    })
    expect(token?.grants).toHaveLength(3)
    expect(token?.grants).toEqual(expect.arrayContaining([grantTo('a', 'pull'), ...TO_EVERYBODY]))
    expect(await findTokenByName(watched, 'one', 'ci')).toEqual(token)
  })

  it('that is not limited has no limit, whatever it was granted', async () => {
    const token = await findTokenByName(watched, 'two', 'ci')
    expect(token).toMatchObject({ id: 't2', ownerDisabled: true, limit: null })
  })

  it('is found only with the name of its owner', async () => {
    expect(await findTokenBySecret(watched, 'two', 's1')).toBeNull()
    expect(await findTokenBySecret(watched, 'three', 's1')).toBeNull()
    expect(await findTokenByName(watched, 'one', 't1')).toBeNull()
  })

  it('has its use noted', async () => {
    await noteTokenUse(watched, 't2', 7)
    expect(await findTokenByName(watched, 'two', 'ci')).toMatchObject({ lastUsedAt: 7 })
    expect(await findTokenByName(watched, 'one', 'ci')).toMatchObject({ lastUsedAt: null })
  })
})

it('everybody has what anonymous was granted', async () => {
  expect(await anonymousGrants(watched)).toEqual([grantTo('g', 'pull')])
})

it('no query scans a whole table', async () => {
  expect(prepared.size).toBe(6)
  for (const sql of prepared) {
    const { results } = await db
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .bind(...Array([...new Set(sql.match(/\?\d/g))].length).fill(null))
      .all<{ detail: string }>()
    const steps = results.map(({ detail }) => detail)
    expect(steps.filter((step) => /^SCAN (?!CONSTANT ROW)|TEMP B-TREE/.test(step))).toEqual([])
  }
})
