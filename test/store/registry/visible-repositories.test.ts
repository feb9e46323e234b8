/** The list of visible repositories, against the patterns themselves, and how much of the table it reads. */
import { env } from 'cloudflare:workers'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { intersectPatterns, matchesPattern } from '../../../src/lib/repository-pattern.ts'
import { Usage } from '../../../src/lib/usage.ts'
import { CountedDatabase } from '../../../src/store/database/database.ts'
import {
  listVisibleRepositories,
  patternsAround,
} from '../../../src/store/registry/visible-repositories.ts'
import { db } from '../support.ts'

/** Few segments, of all the characters that names are sorted by, so that names nest and stand beside each other. */
const SEGMENTS = ['a', 'a-b', 'a.b', 'a0', 'a_b']

function namesOf(segments: readonly string[], depth: number): string[] {
  if (depth === 0) return []
  const below = namesOf(segments, depth - 1)
  return segments.flatMap((one) => [one, ...below.map((rest) => `${one}/${rest}`)])
}

const NAMES = namesOf(SEGMENTS, 4)

/** Some names stay without a repository. */
const STORED = NAMES.filter((_, index) => index % 5 !== 0).sort()

const anyName = fc.constantFrom(...NAMES)
/** Of few names, so that they often lie within each other. */
const anyPattern = fc.oneof(
  anyName,
  fc.constantFrom('*', '**'),
  fc
    .tuple(fc.constantFrom(...namesOf(['a', 'a.b'], 3)), fc.constantFrom('', '/*', '/**'))
    .map(([name, stars]) => name + stars),
)

async function store(names: readonly string[]): Promise<void> {
  const list = JSON.stringify(names)
  await db.batch([
    db
      .prepare('INSERT INTO repositories (name, created_at) SELECT value, 0 FROM json_each(?1)')
      .bind(list),
    db
      .prepare(
        `INSERT INTO manifests (repository_id, digest, media_type, size, payload, created_at, pushed_at)
        SELECT repositories.id, 'd', 'm', 2, '{}', 0, 0
        FROM repositories JOIN json_each(?1) ON json_each.value = repositories.name`,
      )
      .bind(list),
  ])
}

beforeAll(() => store(STORED.toReversed()))

describe('listVisibleRepositories', () => {
  it('has what the patterns match, in byte order, after `last`', async () => {
    const page = fc.record({
      patterns: fc.array(anyPattern, { maxLength: 8 }),
      last: fc.oneof(fc.constant(''), anyName),
      limit: fc.integer({ min: 0, max: 40 }),
      contains: fc.constantFrom('', 'b', 'a/', '-b/a0', '%'),
    })
    await fc.assert(
      fc.asyncProperty(page, async ({ patterns, ...wanted }) => {
        const { last, limit, contains } = wanted
        const expected = STORED.filter(
          (name) =>
            name > last &&
            name.includes(contains) &&
            patterns.some((pattern) => matchesPattern(pattern, name)),
        )
        const found = await listVisibleRepositories(db, patterns, wanted)
        expect(found).toEqual(expected.slice(0, limit))
      }),
      { numRuns: 500 },
    )
  })

  it('has no repository without a manifest', async () => {
    const sql = `INSERT INTO repositories (name, created_at) VALUES ('empty/a', 0), ('empty/b/c', 0)`
    await db.prepare(sql).run()
    const list = (patterns: string[] | null) =>
      listVisibleRepositories(db, patterns, { last: 'd', limit: 1000 })
    expect(await list(null)).toEqual([])
    expect(await list(['empty/**'])).toEqual([])
    expect(await list(['empty/*', 'empty/b/*'])).toEqual([])
  })

  it('has all if the patterns are null', async () => {
    expect(await listVisibleRepositories(db, null, { last: '', limit: 1000 })).toEqual(STORED)
  })

  it('does not read the names between those that it lists', async () => {
    const deep = Array.from({ length: 3000 }, (_, n) => `mono/part/n${n}`)
    await store([...deep, 'mono', 'mono/x', 'n'])
    let rows = 0
    const watched = new CountedDatabase(env.DB, new Usage(), (meta) => {
      rows = meta.rows_read
    })
    const list = (patterns: string[], limit = 100) =>
      listVisibleRepositories(watched, patterns, { last: 'm', limit })
    expect(await list(['*'])).toEqual(['mono', 'n'])
    expect(rows).toBeLessThan(50)
    expect(await list(['mono/*', 'mono/part/n7/**', 'n'])).toEqual(['mono/x', 'n'])
    expect(rows).toBeLessThan(50)
    expect(await list(['mono/**'], 10)).toEqual(deep.sort().slice(0, 10))
    expect(rows).toBeLessThan(50)
  })
})

describe('patternsAround', () => {
  it('has the patterns that contain the pattern, and no other', () => {
    const outer = fc.sample(anyPattern, 300)
    fc.assert(
      fc.property(anyPattern, (pattern) => {
        const around = patternsAround(pattern)
        for (const other of [...outer, ...around]) {
          const contains = other !== pattern && intersectPatterns(pattern, other) === pattern
          expect(around.includes(other)).toBe(contains)
        }
      }),
    )
  })
})
