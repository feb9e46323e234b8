/** What lies beyond the end of a page of referrers costs nothing: times are compared, so this file runs alone. */
import { expect, it } from 'vitest'
import { listReferrers } from '../../../src/store/registry/referrers.ts'
import { db, storedManifest } from '../support.ts'

it('a page of referrers is not slower because of annotations beyond its end', async () => {
  const { digest: subject } = await storedManifest('refer/large', {})
  await db
    .prepare(`
      INSERT INTO manifests (repository_id, digest, media_type, subject_digest, annotations, size, payload, created_at, pushed_at)
      SELECT repositories.id, 'large:' || digits.value || others.value, 'a/b', ?1,
        '{"a":"' || hex(zeroblob(125000)) || '"}', 2, '{}', 0, 0
      FROM repositories, json_each('[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]') AS digits,
        json_each('[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]') AS others
      WHERE repositories.name = 'refer/large'
      ON CONFLICT DO NOTHING`)
    .bind(subject)
    .run()
  const query = { subject, fallbackTag: 'none', artifactType: null, last: '' }
  const timeOf = async (limit: number) => {
    const start = performance.now()
    const { referrers, end } = await listReferrers(db, 'refer/large', { ...query, limit })
    expect([referrers.length, end !== undefined]).toEqual([9, limit > 9])
    return performance.now() - start
  }
  const fastest = { all: Number.POSITIVE_INFINITY, page: Number.POSITIVE_INFINITY }
  // In turns: what else the machine does hits both.
  for (let round = 0; round < 10; round++) {
    fastest.all = Math.min(fastest.all, await timeOf(1001))
    fastest.page = Math.min(fastest.page, await timeOf(9))
  }
  expect(fastest.all).toBeLessThan(3 * fastest.page)
})
