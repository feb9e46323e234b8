import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { Usage } from '../../../src/lib/usage.ts'
import { CountedDatabase } from '../../../src/store/database/database.ts'
import { findHolders } from '../../../src/store/registry/holders.ts'
import { committedBlob, db, storedManifest } from '../support.ts'

describe('findHolders', () => {
  it('names the manifests that refer to a manifest or a blob, their tags, and whether a tag leads to them', async () => {
    const blob = await committedBlob('held')
    const child = await storedManifest('held', { blobs: [blob] })
    const untagged = await storedManifest('held', { children: [child] })
    const inner = await storedManifest('held', { children: [child] })
    await storedManifest('held', { children: [inner], tags: ['outer'] })
    const tagged = await storedManifest('held', { children: [child], tags: ['a', 'b'] })
    const found = await findHolders(db, 'held', 'manifest', child.digest)
    expect(found.toSorted((a, b) => (a.digest < b.digest ? -1 : 1))).toEqual([
      { digest: untagged.digest, tags: [], tagged: false },
      { digest: inner.digest, tags: [], tagged: true },
      { digest: tagged.digest, tags: ['a', 'b'], tagged: true },
    ])
    expect(await findHolders(db, 'held', 'blob', blob.digest)).toEqual([
      { digest: child.digest, tags: [], tagged: true },
    ])
    expect(await findHolders(db, 'elsewhere', 'blob', blob.digest)).toEqual([])
  })

  it('names at most 20', async () => {
    const child = await storedManifest('held/often')
    for (let n = 0; n < 21; n++) await storedManifest('held/often', { children: [child] })
    expect(await findHolders(db, 'held/often', 'manifest', child.digest)).toHaveLength(20)
  })

  it('gives up the search for tags above very many indexes', async () => {
    const child = await storedManifest('held/deep')
    const holder = await storedManifest('held/deep', { children: [child] })
    await addIndexesAbove(holder.digest, 5000)
    let rows = 0
    const counted = new CountedDatabase(env.DB, new Usage(), (meta) => {
      rows += meta.rows_read
    })
    const found = await findHolders(counted, 'held/deep', 'manifest', child.digest)
    expect(found).toEqual([{ digest: holder.digest, tags: [], tagged: null }])
    expect(rows).toBeLessThan(10_000)
  })
})

async function addIndexesAbove(digest: string, count: number): Promise<void> {
  const numbers = `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT ?2)`
  const name = `'sha256:' || printf('%064d', n)`
  await db.batch([
    db
      .prepare(
        `INSERT INTO manifests (repository_id, digest, media_type, size, payload, created_at, pushed_at)
         ${numbers} SELECT repository_id, ${name}, media_type, size, payload, created_at, pushed_at
         FROM manifests, numbers WHERE digest = ?1`,
      )
      .bind(digest, count),
    db
      .prepare(
        `INSERT INTO manifest_children (repository_id, manifest_digest, child_digest)
         ${numbers} SELECT repository_id, ${name}, digest FROM manifests, numbers WHERE digest = ?1`,
      )
      .bind(digest, count),
  ])
}
