/** Every statement of the store goes by an index: none scans a table or sorts what it found. */
import { beforeAll, describe, expect, it } from 'vitest'
import {
  commitBlob,
  findBlob,
  mountBlob,
  repositoriesWithBlob,
  unlinkBlob,
} from '../../src/store/blobs.ts'
import {
  findManifestByDigest,
  findManifestByTag,
  removeManifest,
} from '../../src/store/manifests.ts'
import { blobSizes, manifestSizes, putManifest } from '../../src/store/put-manifest.ts'
import { listReferrers } from '../../src/store/referrers.ts'
import { signingKey } from '../../src/store/signing-keys.ts'
import { listTags, removeTag } from '../../src/store/tags.ts'
import { dueTombstones, forgetTombstones } from '../../src/store/tombstones.ts'
import { listVisibleRepositories } from '../../src/store/visible-repositories.ts'
import { anyBlob, anyDigest, anyManifest, db } from './support.ts'

/** The database, which remembers every statement that it prepares. */
function remembering(statements: Set<string>): D1Database {
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
 * and limited (a subquery) are no tables.
 */
function isSlow(step: string): boolean {
  return (
    /^SCAN (?!CONSTANT ROW$|[a-z_]+ VIRTUAL TABLE|\(subquery)/.test(step) ||
    /TEMP B-TREE/.test(step)
  )
}

const statements = new Set<string>()

beforeAll(async () => {
  const watched = remembering(statements)
  const blob = anyBlob()
  const manifest = anyManifest({
    blobs: [blob.digest],
    tags: ['t'],
    content: { storageKey: 'manifests/x' },
    subject: anyDigest(),
  })
  await commitBlob(watched, 'a', blob)
  await findBlob(watched, 'a', blob.digest)
  await repositoriesWithBlob(watched, blob.digest)
  await mountBlob(watched, 'b', blob.digest, 'a')
  await unlinkBlob(watched, 'b', blob.digest)
  await putManifest(watched, 'a', manifest)
  await putManifest(watched, 'a', { ...manifest, mayMoveTags: false })
  await putManifest(watched, 'a', anyManifest({ children: [manifest.digest] }))
  await findManifestByDigest(watched, 'a', manifest.digest)
  await findManifestByTag(watched, 'a', 't')
  await blobSizes(watched, 'a', [blob.digest])
  await manifestSizes(watched, 'a', [manifest.digest])
  await listReferrers(watched, 'a', {
    subject: anyDigest(),
    fallbackTag: 'x',
    artifactType: null,
    last: '',
    limit: 10,
  })
  await listVisibleRepositories(watched, null, { last: '', limit: 10 })
  await listVisibleRepositories(watched, ['team/*'], { last: '', limit: 10 })
  await listTags(watched, 'a', '', 10)
  await removeTag(watched, 'a', 't')
  await removeManifest(watched, 'a', manifest.digest)
  await signingKey(watched, 'k')
  await dueTombstones(watched, 0, 10)
  await forgetTombstones(watched, [])
})

describe('the query plans', () => {
  it('are of every statement that the store has', () => {
    // As many as src/store names; a new one belongs into the calls above.
    expect(statements.size).toBe(29)
  })

  it('go by an index', async () => {
    const slow: Record<string, string[]> = {}
    for (const sql of statements) {
      const steps = (await planOf(sql)).filter(isSlow)
      if (steps.length > 0) slow[sql.trim()] = steps
    }
    expect(slow).toEqual({})
  })

  it('of the referrers goes by the subject, not through all manifests of the repository', async () => {
    const list = [...statements].find((sql) => sql.includes('manifests.subject_digest = ?2'))
    expect(await planOf(list ?? '')).toContain(
      'SEARCH manifests USING INDEX manifests_by_subject ' +
        '(repository_id=? AND subject_digest=? AND digest>?)',
    )
  })

  it('would show a scan, and a sort', async () => {
    const scan = await planOf('SELECT * FROM manifests WHERE artifact_type = ?1')
    expect(scan.filter(isSlow)).not.toEqual([])
    const sort = await planOf('SELECT * FROM tags WHERE repository_id = ?1 ORDER BY updated_at')
    expect(sort.filter(isSlow)).not.toEqual([])
  })
})
