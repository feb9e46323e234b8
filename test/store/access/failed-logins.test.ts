/** Failed logins in the audit log. */
import { beforeEach, describe, expect, it } from 'vitest'
import { listAudit, noteMade } from '../../../src/store/access/audit.ts'
import { forgetFailedLogins, noteFailedLogin } from '../../../src/store/access/failed-logins.ts'
import { db } from '../support.ts'

const HOUR = 60 * 60 * 1000
const NOON = Date.parse('2026-11-27T12:00:00Z')

beforeEach(async () => {
  await db.prepare('DELETE FROM audit').run()
})

const rows = async () =>
  (await listAudit(db, Number.MAX_SAFE_INTEGER, 100))
    .map(({ at, address, target, detail }) => ({ at, address, target, detail }))
    .reverse()

const failed = (name: string, network: string, at: number) => noteFailedLogin(db, name, network, at)

describe('noteFailedLogin', () => {
  it('counts in one row for each hour, network and name', async () => {
    await Promise.all(Array.from({ length: 5 }, (_, n) => failed('alice', '192.0.2.1', NOON + n)))
    await failed('alice', '192.0.2.2', NOON)
    await failed('alice', '192.0.2.1', NOON + HOUR)
    await failed('bob', '192.0.2.1', NOON)
    expect(await rows()).toEqual([
      { at: NOON, address: '192.0.2.1', target: 'alice', detail: { count: 5 } },
      { at: NOON, address: '192.0.2.2', target: 'alice', detail: { count: 1 } },
      { at: NOON + HOUR, address: '192.0.2.1', target: 'alice', detail: { count: 1 } },
      { at: NOON, address: '192.0.2.1', target: 'bob', detail: { count: 1 } },
    ])
  })

  it('stores only valid account names, because another text may be a password', async () => {
    for (const name of ['Tr0ub4dor&3', 'a'.repeat(65), '', 'ä'])
      await failed(name, '192.0.2.1', NOON)
    expect(await rows()).toEqual([
      { at: NOON, address: '192.0.2.1', target: '', detail: { count: 4 } },
    ])
  })

  it('has one row per hour if the address is unknown, whatever the names', async () => {
    for (const name of ['alice', 'bob', 'carol']) await failed(name, '', NOON)
    expect(await rows()).toEqual([{ at: NOON, address: '', target: '', detail: { count: 3 } }])
  })
})

describe('forgetFailedLogins', () => {
  it('removes rows over 90 days old, a limited number at a time', async () => {
    const now = NOON + 90 * 24 * HOUR + 1
    const by = { actor: 'admin', address: '', requestId: 'r', at: 0 }
    await noteMade(db, by, { action: 'account.create', target: 'x', detail: {} })
    for (const name of ['one', 'two', 'three']) await failed(name, '192.0.2.1', NOON)
    await failed('young', '192.0.2.1', NOON + HOUR)
    await db.batch([forgetFailedLogins(db, now, 2)])
    expect((await rows()).map(({ target }) => target)).toEqual(['x', 'two', 'young'])
    await db.batch([forgetFailedLogins(db, now, 2)])
    expect((await rows()).map(({ target }) => target)).toEqual(['x', 'young'])
  })
})
