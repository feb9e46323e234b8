/** The audit log in D1: its rows come and go with the changes. */
import { describe, expect, it } from 'vitest'
import { type ChangedBy, listAudit, noteChange, noteMade } from '../../../src/store/access/audit.ts'
import { count, db } from '../support.ts'

const BY: ChangedBy = { actor: 'alice', address: '192.0.2.1', requestId: 'r', at: 1000 }
const CHANGE = { action: 'account.create', target: 'bob', detail: { hasPassword: true } }

const insert = (name: string) =>
  db.prepare('INSERT INTO accounts (name, created_at) VALUES (?1, 0)').bind(name)

describe('noteChange', () => {
  it('notes a change that was made', async () => {
    await db.batch([insert('bob'), noteChange(db, BY, CHANGE)])
    const rows = await listAudit(db, Number.MAX_SAFE_INTEGER, 10)
    expect(rows).toEqual([{ id: 1, ...BY, ...CHANGE }])
  })

  it('notes no change that changed nothing, failed, or was undone', async () => {
    const before = await count('audit')
    const note = noteChange(db, BY, CHANGE)
    const update = db.prepare(`UPDATE accounts SET disabled = 1 WHERE name = 'nobody'`)
    // What an earlier statement of the batch changed does not count.
    await db.batch([insert('carol'), update, note])
    await expect(db.batch([insert('bob'), note])).rejects.toThrow('UNIQUE')
    await expect(db.batch([insert('dave'), note, insert('bob')])).rejects.toThrow('UNIQUE')
    expect(await count('audit')).toBe(before)
  })
})

describe('listAudit', () => {
  it('lists the newest first, from any entry on', async () => {
    for (const target of ['x', 'y', 'z']) await noteMade(db, BY, { ...CHANGE, target })
    const targets = async (before: number, limit: number) =>
      (await listAudit(db, before, limit)).map(({ target }) => target)
    expect(await targets(Number.MAX_SAFE_INTEGER, 10)).toEqual(['z', 'y', 'x', 'bob'])
    const [, second] = await listAudit(db, Number.MAX_SAFE_INTEGER, 2)
    expect(await targets(second?.id ?? 0, 1)).toEqual(['x'])
  })
})
