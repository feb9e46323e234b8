/** data-model.md has every table and column of the migrations and of the Durable Objects, and no other. */
import { describe, expect, it } from 'vitest'
import { SCHEMA } from '../../src/uploads/session-schema.ts'
import { bindings } from '../support/registry.ts'
import {
  firstNames,
  foundIn,
  headingsOf,
  namesIn,
  pageOf,
  rowsOf,
  sectionOf,
  sortedOnce,
} from './pages.ts'

const page = pageOf('spec/data-model.md')

interface Column {
  table: string
  name: string
}

/** The tables that the migrations made, with their columns, without those of the platform. */
async function columnsOfDatabase(): Promise<Column[]> {
  const { results } = await bindings.DB.prepare(
    `SELECT tables.name AS "table", columns.name FROM sqlite_schema AS tables
     JOIN pragma_table_info(tables.name) AS columns
     WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite%'
       AND tables.name NOT LIKE '\\_cf%' ESCAPE '\\' AND tables.name NOT LIKE 'd1\\_%' ESCAPE '\\'`,
  ).all<Column>()
  return results
}

describe('the tables of D1', () => {
  it('are all there, with their columns, and no other', async () => {
    const columns = await columnsOfDatabase()
    const known = Map.groupBy(columns, ({ table }) => table)
    expect(known.size).toBeGreaterThan(20)
    const tables = headingsOf(page).filter((heading) => /^[a-z_]+$/.test(heading))
    expect(tables.toSorted()).toEqual(sortedOnce(known.keys()))
    for (const [table, ofTable] of known) {
      const written = firstNames(rowsOf(page, table)).toSorted()
      expect(written, table).toEqual(ofTable.map(({ name }) => name).toSorted())
    }
  })
})

describe('the storage of the Durable Objects', () => {
  it('has the tables and columns of an upload', () => {
    const created = [...SCHEMA.matchAll(/CREATE TABLE (\w+) \(([\s\S]*?)\);/g)]
    const known = created.map(([, table = '', columns = '']) => [
      table,
      columns
        .split(/,\s*(?![^(]*\))/)
        .map((column) => column.trim().split(/\s/)[0] ?? '')
        .toSorted(),
    ])
    let current = ''
    const written: Record<string, string[]> = {}
    for (const [table = '', columns = ''] of rowsOf(page, 'UPLOADS')) {
      current = namesIn(table)[0] ?? current
      written[current] = [...(written[current] ?? []), ...namesIn(columns)].toSorted()
    }
    expect(written).toEqual(Object.fromEntries(known))
  })

  it('has the keys of a guard of logins', () => {
    const keys = foundIn('auth/login/login-guard.ts', /storage\.kv\.put(?:<\w+>)?\('(\w+)'/g)
    expect(firstNames(rowsOf(page, 'LOGINS')).toSorted()).toEqual(keys)
  })
})

describe('the texts in columns', () => {
  const section = (heading: string) => namesIn(sectionOf(page, heading))

  it('are the actions of the audit log', () => {
    const areas =
      /^(?:account|token|grant|trust-rule|repository|token-keys|webhook|login)\.[a-z-]+$/
    const quoted = foundIn('', /'([a-z-]+\.[a-z-]+)'/g).filter((text) => areas.test(text))
    expect(quoted.length).toBeGreaterThan(20)
    expect(sortedOnce(section('audit').filter((name) => areas.test(name)))).toEqual(quoted)
  })

  it('are the names of the keys', () => {
    const names = foundIn('', /(?:signingKey|sealingKey)\(\w+, '([^']+)'/g)
    const [, meaning = ''] = rowsOf(page, 'signing_keys').find(([name]) => name === '`name`') ?? []
    expect(
      namesIn(meaning)
        .filter((name) => name !== 'cred')
        .toSorted(),
    ).toEqual(names)
  })

  it('are the caches of a location', () => {
    const caches = foundIn('store', /caches\.open\('([^']+)'/g)
    expect(firstNames(rowsOf(page, 'Caches')).toSorted()).toEqual(caches)
  })
})

describe('the jobs', () => {
  it('are those of the table of jobs', () => {
    const jobs = foundIn('maintenance/jobs.ts', /name: '([^']+)'/g)
    expect(
      rowsOf(page, 'Sweeps')
        .map(([job]) => job)
        .toSorted(),
    ).toEqual(jobs)
  })

  it('are the sweeps that are recorded', () => {
    const [, meaning = ''] = rowsOf(page, 'sweeps').find(([name]) => name === '`name`') ?? []
    expect(namesIn(meaning).toSorted()).toEqual(
      foundIn('maintenance/jobs.ts', /note\(db, '(\w+)'/g),
    )
  })
})
