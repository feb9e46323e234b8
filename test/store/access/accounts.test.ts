/** Accounts in D1: what goes with them, and what happens when two requests meet. */
import { describe, expect, it } from 'vitest'
import { createAccessToken } from '../../../src/store/access/access-tokens.ts'
import {
  createAccount,
  findAccount,
  listAccounts,
  removeAccount,
  updateAccount,
} from '../../../src/store/access/accounts.ts'
import type { ChangedBy } from '../../../src/store/access/audit.ts'
import { listGrants, putGrant } from '../../../src/store/access/manage-grants.ts'
import { count, db } from '../support.ts'

const BY: ChangedBy = { actor: 'admin', address: '', requestId: 'r', at: 1000 }

describe('accounts', () => {
  it('are found as they were created and changed', async () => {
    const robot = { name: 'robot', hasPassword: false, disabled: false, createdAt: 1000 }
    expect(await createAccount(db, BY, { name: 'robot', passwordHash: null })).toEqual(robot)
    expect(await findAccount(db, 'robot')).toEqual(robot)
    expect(await updateAccount(db, BY, 'robot', {})).toEqual(robot)
    expect(await updateAccount(db, BY, 'robot', { passwordHash: 'h' })).toEqual({
      ...robot,
      hasPassword: true,
    })
    const changes = { passwordHash: null, disabled: true }
    expect(await updateAccount(db, BY, 'robot', changes)).toEqual({ ...robot, disabled: true })
    expect(await updateAccount(db, BY, 'missing', changes)).toBeNull()
    expect(await findAccount(db, 'missing')).toBeNull()
  })

  it('are listed in byte order', async () => {
    const names = ['0', 'a', 'a-b', 'a.b', 'a0', 'a_b', 'ab']
    for (const name of names.toReversed()) await createAccount(db, BY, { name, passwordHash: null })
    const listed = async (last: string, limit: number) =>
      (await listAccounts(db, last, limit)).map(({ name }) => name)
    expect(await listed('', 100)).toEqual([...names, 'robot'])
    expect(await listed('a', 3)).toEqual(['a-b', 'a.b', 'a0'])
  })

  it('are created once, however many try at the same time', async () => {
    const before = await count('audit')
    const made = await Promise.all(
      Array.from({ length: 8 }, () => createAccount(db, BY, { name: 'raced', passwordHash: 'h' })),
    )
    expect(made.filter((account) => account !== null)).toHaveLength(1)
    expect(await count('audit')).toBe(before + 1)
  })

  it('are deleted with their tokens and all grants', async () => {
    const grants = [{ pattern: 'a', actions: ['pull'] as const }]
    const principal = { kind: 'account', name: 'leaver' } as const
    await createAccount(db, BY, { name: 'leaver', passwordHash: null })
    await createAccessToken(db, BY, {
      account: 'leaver',
      name: 't',
      secretHash: 'hash',
      grants,
      expiresAt: null,
    })
    await putGrant(db, BY, { principal, pattern: 'a', actions: ['pull'] })
    expect(await count('grants')).toBe(2)
    expect(await removeAccount(db, BY, 'leaver')).toBe(true)
    expect(await count('access_tokens')).toBe(0)
    expect(await count('grants')).toBe(0)
    const before = await count('audit')
    expect(await removeAccount(db, BY, 'leaver')).toBe(false)
    expect(await count('audit')).toBe(before)
  })

  it('leave no grant behind if one is added while they are deleted', async () => {
    const principal = { kind: 'account', name: 'fleeting' } as const
    for (let round = 0; round < 20; round += 1) {
      await createAccount(db, BY, { name: 'fleeting', passwordHash: null })
      const put = () => putGrant(db, BY, { principal, pattern: `r${round}`, actions: ['pull'] })
      const remove = () => removeAccount(db, BY, 'fleeting')
      await Promise.all(round % 2 === 0 ? [put(), remove(), put()] : [remove(), put()])
      const wanted = { principal, pattern: null, last: null, limit: 10 }
      expect(await listGrants(db, wanted)).toEqual([])
    }
  })
})
