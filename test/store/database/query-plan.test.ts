/// <reference types="vite/types/importMeta.d.ts" />
/** Every statement of the store goes by an index: none scans a table or sorts what it found. */
import { describe, expect, it } from 'vitest'
import type { Database } from '../../../src/store/database/database.ts'
import { STATEMENTS } from '../../../src/store/database/statement.ts'
import { findBlob } from '../../../src/store/registry/blobs.ts'
import { findManifestByDigest, findManifestByTag } from '../../../src/store/registry/manifests.ts'
import { anyDigest, db } from '../support.ts'

// A file registers its statements when it is loaded.
import.meta.glob('../../../src/store/**/*.ts', { eager: true })
const sources = import.meta.glob<string>('../../../src/**/*.ts', {
  eager: true,
  query: '?raw',
  import: 'default',
})

/** The database, which remembers every statement that it prepares. */
function remembering(statements: Set<string>): Database {
  return new Proxy(db, {
    get(target, name) {
      if (name === 'prepare') {
        return (sql: string) => {
          statements.add(sql)
          return target.prepare(sql)
        }
      }
      return name === 'batch' ? target.batch.bind(target) : Reflect.get(target, name)
    },
  })
}

async function planOf(sql: string): Promise<string[]> {
  const parameters = Math.max(0, ...[...sql.matchAll(/\?(\d+)/g)].map(([, n]) => Number(n)))
  const { results } = await db
    .prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .bind(...Array(parameters).fill(null))
    .all<{ detail: string }>()
  return results.map(({ detail }) => detail)
}

/**
 * Steps that take longer the more rows there are. Lists that a statement was given, single rows, and what a step before has found
 * and limited (a subquery, the 20 of `holder`) are no tables.
 */
function isSlow(step: string): boolean {
  return (
    /^SCAN (?!CONSTANT ROW$|walk$|holder$|page$|[a-z_]+ (?:EXISTS )?VIRTUAL TABLE|\(subquery)/.test(
      step,
    ) || /TEMP B-TREE/.test(step)
  )
}

/** The statements that read all of something on purpose, with all their slow steps. */
const READ_AS_A_WHOLE: Record<string, string[]> = {
  // Indexes that hold nothing but what waits: registry-state.test.ts shows how they are used.
  'registry-state.read': [
    'SCAN events USING INDEX events_unsettled',
    'SCAN deliveries USING INDEX deliveries_overdue',
    'SCAN dead_letters USING INDEX dead_letters_to_replay',
    'SCAN tombstones USING COVERING INDEX tombstones_waiting',
    ...['outbox', 'pending', 'dead', 'graves'].map((counted) => `SCAN ${counted}`),
  ],
  // A handful of keys at any time.
  'token-keys.drop': ['SCAN token_keys'],
  'token-keys.list': ['SCAN token_keys', 'USE TEMP B-TREE FOR ORDER BY'],
}

describe('the query plans', () => {
  it('are of the statements of every file, each named after its file', () => {
    const files = Object.entries(sources)
      .filter(([, source]) => /^const \w+ = statements\(/m.test(source))
      .map(([path]) => /([^/]+)\.ts$/.exec(path)?.[1])
    const nouns = new Set([...STATEMENTS.keys()].map((name) => name.split('.')[0]))
    expect(files.toSorted()).toEqual([...nouns].toSorted())
  })

  it('use an index', async () => {
    const slow: Record<string, string[]> = {}
    for (const [name, sql] of STATEMENTS) {
      const steps = (await planOf(sql)).filter(isSlow)
      if (steps.length > 0) slow[name] = steps
    }
    expect(slow).toEqual(READ_AS_A_WHOLE)
  })

  it.each<[string, string, string, string]>([
    ['all', 'referrers.list', 'manifests_by_subject', 'digest>?'],
    [
      'one type',
      'referrers.listOfType',
      'manifests_by_subject_and_type',
      'artifact_type=? AND digest>?',
    ],
  ])('of the referrers of %s goes by %s, past all others', async (_, name, index, then) => {
    expect(await planOf(STATEMENTS.get(name) ?? '')).toContain(
      `SEARCH manifests USING INDEX ${index} (repository_id=? AND subject_digest=? AND ${then})`,
    )
  })

  it.each<[string, (watched: Database) => Promise<unknown>, string[]]>([
    [
      'a manifest by tag',
      (watched) => findManifestByTag(watched, 'a', 't'),
      [
        'SEARCH repositories USING COVERING INDEX sqlite_autoindex_repositories_1 (name=?)',
        'SEARCH tags USING PRIMARY KEY (repository_id=? AND name=?)',
        'SEARCH manifests USING INDEX sqlite_autoindex_manifests_2 (repository_id=? AND digest=?)',
      ],
    ],
    [
      'a manifest by digest',
      (watched) => findManifestByDigest(watched, 'a', anyDigest()),
      [
        'SEARCH repositories USING COVERING INDEX sqlite_autoindex_repositories_1 (name=?)',
        'SEARCH manifests USING INDEX sqlite_autoindex_manifests_2 (repository_id=? AND digest=?)',
      ],
    ],
    [
      "a blob's link",
      (watched) => findBlob(watched, 'a', anyDigest()),
      [
        'SEARCH repositories USING COVERING INDEX sqlite_autoindex_repositories_1 (name=?)',
        'SEARCH repository_blobs USING COVERING INDEX repository_blobs_by_digest (digest=? AND repository_id=?)',
        'SEARCH blobs USING PRIMARY KEY (digest=?)',
      ],
    ],
  ])(
    'of a pull of %s is one statement, each step of which finds one row',
    async (_, pull, plan) => {
      const asked = new Set<string>()
      await pull(remembering(asked))
      expect(asked.size).toBe(1)
      for (const sql of asked) expect((await planOf(sql)).toSorted()).toEqual(plan.toSorted())
    },
  )

  it('would show a scan, and a sort', async () => {
    const scan = await planOf('SELECT * FROM manifests WHERE artifact_type = ?1')
    expect(scan.filter(isSlow)).not.toEqual([])
    const sort = await planOf('SELECT * FROM tags WHERE repository_id = ?1 ORDER BY updated_at')
    expect(sort.filter(isSlow)).not.toEqual([])
  })
})
