/** Grants in D1: one for each principal and pattern, in pages. */
import { beforeAll, describe, expect, it } from 'vitest'
import { createAccount } from '../../../src/store/access/accounts.ts'
import type { ChangedBy } from '../../../src/store/access/audit.ts'
import type { Principal } from '../../../src/store/access/grants.ts'
import {
  formatPrincipal,
  type GrantsWanted,
  listGrants,
  mergeGrants,
  putGrant,
  removeGrant,
} from '../../../src/store/access/manage-grants.ts'
import { count, db } from '../support.ts'

const BY: ChangedBy = { actor: 'admin', address: '', requestId: 'r', at: 1000 }
const PRINCIPALS: Principal[] = [
  { kind: 'account', name: 'a' },
  { kind: 'account', name: 'b' },
  { kind: 'anonymous', name: '' },
  { kind: 'authenticated', name: '' },
]
const PATTERNS = ['*', '**', 'a', 'a/*', 'b']

beforeAll(async () => {
  for (const name of ['a', 'b']) await createAccount(db, BY, { name, passwordHash: null })
  for (const principal of PRINCIPALS.toReversed()) {
    for (const pattern of PATTERNS.toReversed()) {
      await putGrant(db, BY, { principal, pattern, actions: ['pull'] })
    }
  }
})

describe('grants', () => {
  it('are listed in pages as in one list', async () => {
    const list = async (wanted: Partial<GrantsWanted>) => {
      const all = { principal: null, pattern: null, last: null, limit: 100 }
      return (await listGrants(db, { ...all, ...wanted })).map(
        ({ principal, pattern }) => [principal, pattern] as const,
      )
    }
    const expected = PRINCIPALS.flatMap((principal) =>
      PATTERNS.map((pattern) => [principal, pattern] as const),
    )
    expect(await list({})).toEqual(expected)
    for (const [index, [principal, pattern]] of expected.entries()) {
      const last = { principal, pattern }
      expect(await list({ last, limit: 3 })).toEqual(expected.slice(index + 1, index + 4))
    }
    for (const principal of PRINCIPALS) {
      const own = PATTERNS.map((pattern) => [principal, pattern])
      expect(await list({ principal })).toEqual(own)
      const last = { principal: { kind: 'account', name: 'a' }, pattern: 'a' } as const
      expect(await list({ principal, last })).toEqual(own.slice(3))
      expect(await list({ principal, pattern: 'a/*' })).toEqual([[principal, 'a/*']])
    }
    expect(await list({ pattern: 'b' })).toEqual(PRINCIPALS.map((principal) => [principal, 'b']))
  })

  it('are replaced by another on the same pattern, and noted when they differ', async () => {
    const principal = { kind: 'account', name: 'a' } as const
    const [grants, audit] = [await count('grants'), await count('audit')]
    const put = (...actions: ('pull' | 'push')[]) =>
      putGrant(db, { ...BY, at: 2000 }, { principal, pattern: 'a', actions })
    expect(await put('pull')).toMatchObject({ actions: ['pull'], createdAt: 1000 })
    expect(await count('audit')).toBe(audit)
    expect(await put('push', 'pull', 'push')).toMatchObject({ actions: ['pull', 'push'] })
    expect(await put('pull', 'push')).toMatchObject({ actions: ['pull', 'push'] })
    expect(await count('audit')).toBe(audit + 1)
    expect(await count('grants')).toBe(grants)
    expect(await removeGrant(db, BY, { principal, pattern: 'a' })).toBe(true)
    expect(await removeGrant(db, BY, { principal, pattern: 'a' })).toBe(false)
    expect(await count('audit')).toBe(audit + 2)
  })

  it('are refused for a principal that does not exist', async () => {
    const before = [await count('grants'), await count('audit')]
    for (const principal of [
      { kind: 'account', name: 'c' },
      { kind: 'token', name: 'a' },
      { kind: 'trust', name: 'a' },
      { kind: 'anonymous', name: 'a' },
    ] as const) {
      expect(await putGrant(db, BY, { principal, pattern: 'x', actions: ['pull'] })).toBeNull()
    }
    expect([await count('grants'), await count('audit')]).toEqual(before)
  })
})

describe('mergeGrants', () => {
  it('has each pattern once, with its actions in order', () => {
    expect(
      mergeGrants([
        { pattern: 'b', actions: ['push', 'pull'] },
        { pattern: 'a', actions: ['pull'] },
        { pattern: 'b', actions: ['delete', 'pull'] },
      ]),
    ).toEqual([
      { pattern: 'b', actions: ['pull', 'push', 'delete'] },
      { pattern: 'a', actions: ['pull'] },
    ])
  })
})

describe('formatPrincipal', () => {
  it('has the kind, and the name where there is one', () => {
    expect(PRINCIPALS.map(formatPrincipal)).toEqual([
      'account:a',
      'account:b',
      'anonymous',
      'authenticated',
    ])
  })
})
