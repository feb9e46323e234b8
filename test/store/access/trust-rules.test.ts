/** Trust rules in D1, with their grants. */
import { describe, expect, it } from 'vitest'
import type { ChangedBy } from '../../../src/store/access/audit.ts'
import { rulesOfIssuer } from '../../../src/store/access/issuer-rules.ts'
import { putGrant } from '../../../src/store/access/manage-grants.ts'
import {
  createTrustRule,
  findTrustRule,
  listTrustRules,
  removeTrustRule,
} from '../../../src/store/access/trust-rules.ts'
import { count, db } from '../support.ts'

const BY: ChangedBy = { actor: 'admin', address: '', requestId: 'r', at: 1000 }
const RULE = {
  name: 'ci',
  issuer: 'https://issuer.example',
  audience: 'berth',
  claims: { sub: 'repo:acme/*', ref: 'refs/heads/main' },
  grants: [{ pattern: 'acme/**', actions: ['pull', 'push'] as const }],
}

describe('trust rules', () => {
  it('are read as they were created, for management and for logins', async () => {
    const stored = { ...RULE, createdAt: 1000 }
    expect(await createTrustRule(db, BY, RULE)).toEqual(stored)
    expect(await findTrustRule(db, 'ci')).toEqual(stored)
    expect(await findTrustRule(db, 'missing')).toBeNull()
    const { rules } = await rulesOfIssuer(db, RULE.issuer)
    expect(rules).toMatchObject([{ name: 'ci', audience: 'berth', grants: RULE.grants }])
    expect(JSON.parse(rules[0]?.claims ?? '')).toEqual(RULE.claims)
    const principal = { kind: 'trust', name: 'ci' } as const
    await putGrant(db, BY, { principal, pattern: 'x', actions: ['pull'] })
    expect((await findTrustRule(db, 'ci'))?.grants).toHaveLength(2)
  })

  it('are created once, and keep those grants', async () => {
    const audit = await count('audit')
    const made = await Promise.all(
      ['one', 'two', 'three'].map((pattern) =>
        createTrustRule(db, BY, {
          ...RULE,
          name: 'raced',
          grants: [{ pattern, actions: ['admin'] }],
        }),
      ),
    )
    const [winner] = made.filter((rule) => rule !== null)
    expect(await findTrustRule(db, 'raced')).toEqual(winner)
    expect(await count('audit')).toBe(audit + 1)
  })

  it('are listed by name, and deleted with their grants', async () => {
    await createTrustRule(db, BY, { ...RULE, name: 'a', grants: [] })
    const names = async (last: string, limit: number) =>
      (await listTrustRules(db, last, limit)).map(({ name }) => name)
    expect(await names('', 10)).toEqual(['a', 'ci', 'raced'])
    expect(await names('a', 1)).toEqual(['ci'])
    for (const name of ['a', 'ci', 'raced']) expect(await removeTrustRule(db, BY, name)).toBe(true)
    expect(await count('grants')).toBe(0)
    const before = await count('audit')
    expect(await removeTrustRule(db, BY, 'a')).toBe(false)
    expect(await count('audit')).toBe(before)
  })
})
