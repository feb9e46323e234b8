import { describe, expect, it } from 'vitest'
import { removeManifest } from '../../src/store/manifests.ts'
import { putManifest } from '../../src/store/put-manifest.ts'
import { listTags, removeTag } from '../../src/store/tags.ts'
import { anyManifest, committedBlob, db, storedManifest } from './support.ts'

async function history(repository: string, tag: string): Promise<(string | null)[]> {
  const { results } = await db
    .prepare(
      `SELECT tag_history.digest FROM tag_history
       JOIN repositories ON repositories.id = tag_history.repository_id
       WHERE repositories.name = ? AND tag_history.name = ? ORDER BY tag_history.id`,
    )
    .bind(repository, tag)
    .all<{ digest: string | null }>()
  return results.map((row) => row.digest)
}

describe("a tag's history", () => {
  it('has every value, in order, and every end', async () => {
    const one = await storedManifest('history', { tags: ['latest'] })
    const two = await storedManifest('history', { tags: ['latest', 'other'] })
    // The same value again is no change.
    await putManifest(db, 'history', two)
    await putManifest(db, 'history', { ...one, tags: ['latest'] })
    expect(await removeTag(db, 'history', 'latest')).toBe(true)
    await putManifest(db, 'history', { ...two, tags: ['latest'] })
    expect(await removeManifest(db, 'history', two.digest)).toBe('deleted')
    expect(await history('history', 'latest')).toEqual([
      one.digest,
      two.digest,
      one.digest,
      null,
      two.digest,
      null,
    ])
    expect(await history('history', 'other')).toEqual([two.digest, null])
  })

  it('has as many changes as there were, however many came at once, and ends with the value', async () => {
    const manifests = Array.from({ length: 10 }, () => anyManifest({ tags: ['raced'] }))
    await Promise.all(manifests.map((manifest) => putManifest(db, 'history', manifest)))
    const values = await history('history', 'raced')
    expect(values.toSorted()).toEqual(manifests.map(({ digest }) => digest).toSorted())
    const now = await db
      .prepare(`SELECT digest FROM tags WHERE name = 'raced'`)
      .first<{ digest: string }>()
    expect(values.at(-1)).toBe(now?.digest)
  })

  it('has nothing of a push that failed', async () => {
    const missing = anyManifest().digest
    expect(await putManifest(db, 'history', anyManifest({ blobs: [missing], tags: ['no'] }))).toBe(
      false,
    )
    expect(await history('history', 'no')).toEqual([])
  })
})

describe('listTags', () => {
  it('is null for no repository, and empty for one without tags', async () => {
    expect(await listTags(db, 'none', '', 10)).toBeNull()
    await committedBlob('untagged')
    for (const limit of [0, 1, 10]) expect(await listTags(db, 'untagged', '', limit)).toEqual([])
  })

  it('has `limit` tags after `last`, in byte order', async () => {
    await storedManifest('listed', { tags: ['b', 'a', 'B', 'a-', 'a.b'] })
    const all = ['B', 'a', 'a-', 'a.b', 'b']
    for (const [index, last] of ['', ...all].entries()) {
      for (const limit of [0, 1, 2, 10]) {
        const expected = all.slice(index, index + limit)
        expect(await listTags(db, 'listed', last, limit)).toEqual(expected)
      }
    }
  })
})

describe('removeTag', () => {
  it('tells whether there was one', async () => {
    await storedManifest('removed', { tags: ['a'] })
    expect(await removeTag(db, 'removed', 'b')).toBe(false)
    expect(await removeTag(db, 'none', 'a')).toBe(false)
    expect(await removeTag(db, 'removed', 'a')).toBe(true)
    expect(await removeTag(db, 'removed', 'a')).toBe(false)
  })
})
