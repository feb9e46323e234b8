/** Statements take and give what their types say, alone and in a batch. */
import { describe, expect, it } from 'vitest'
import type { Database } from '../../../src/store/database/database.ts'
import {
  type Query,
  readRows,
  runBatch,
  STATEMENTS,
  sql,
  statements,
} from '../../../src/store/database/statement.ts'
import { db } from '../support.ts'

const SQL = statements('test', {
  echo: sql<[text: string, number: number | null], { text: string; number: number | null }>(
    'SELECT ?1 AS text, ?2 AS number',
  ),
  one: sql<[], { one: 1 }>('SELECT 1 AS one'),
  bury: sql<[key: string]>('INSERT INTO tombstones (storage_key, delete_after) VALUES (?1, 0)'),
  find: sql<[key: string], { delete_after: number }>(
    'SELECT delete_after FROM tombstones WHERE storage_key = ?1',
  ),
})

describe('statements', () => {
  it('bind their values in order', async () => {
    expect(await SQL.echo(db, 'x', 2).first()).toEqual({ text: 'x', number: 2 })
    expect((await SQL.echo(db, 'y', null).all()).results).toEqual([{ text: 'y', number: null }])
    expect(await SQL.one(db).first()).toEqual({ one: 1 })
  })

  it('are in the registry by the noun of the file and their name', () => {
    expect(STATEMENTS.get('test.one')).toBe('SELECT 1 AS one')
  })

  it('have types that refuse what they do not take or give', () => {
    const refused = (on: Database) => {
      // @ts-expect-error A value is missing.
      SQL.echo(on, 'x')
      // @ts-expect-error There is one value too many.
      SQL.one(on, 1)
      // @ts-expect-error The value is of another type.
      SQL.bury(on, 1)
      // @ts-expect-error D1 stores no booleans.
      sql<[disabled: boolean]>('SELECT ?1')
      // @ts-expect-error The rows are others.
      const other: Query<{ two: 2 }> = SQL.one(on)
      // @ts-expect-error The rows are others here, too.
      const row: Promise<{ two: 2 } | null> = SQL.one(on).first()
      // @ts-expect-error The second rows are others.
      const both: Promise<[{ one: 1 }[], { two: 2 }[]]> = readRows(on, [SQL.one(on), SQL.one(on)])
      return [other, row, both]
    }
    expect(refused).toBeTypeOf('function')
  })
})

describe('a batch', () => {
  it('gives the result of each statement in its place', async () => {
    const [buried, found] = await runBatch(db, [SQL.bury(db, 'batch'), SQL.find(db, 'batch')])
    expect(buried.meta.changes).toBe(1)
    expect(found.results).toEqual([{ delete_after: 0 }])
  })

  it('gives the rows of each statement in its place', async () => {
    const [ones, echoed] = await readRows(db, [SQL.one(db), SQL.echo(db, 'x', 2)])
    expect([ones[0]?.one, echoed[0]?.text]).toEqual([1, 'x'])
  })

  it('does all or nothing', async () => {
    const twice = runBatch(db, [SQL.bury(db, 'twice'), SQL.bury(db, 'twice')])
    await expect(twice).rejects.toThrow('UNIQUE')
    expect(await SQL.find(db, 'twice').first()).toBeNull()
  })
})
