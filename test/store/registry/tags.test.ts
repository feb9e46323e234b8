import { describe, expect, it } from 'vitest'
import { findManifestByDigest, removeManifest } from '../../../src/store/registry/manifests.ts'
import { putManifest } from '../../../src/store/registry/put-manifest.ts'
import { listTags, removeTag } from '../../../src/store/registry/tags.ts'
import { anyEvent } from '../../support/any-event.ts'
import { anyManifest, committedBlob, db, putAgain, storedManifest } from '../support.ts'

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
  it('has every value and every deletion, in order', async () => {
    const one = await storedManifest('history', { tags: ['latest'] })
    const two = await storedManifest('history', { tags: ['latest', 'other'] })
    // The same value again is no change.
    await putManifest(db, 'history', putAgain(two))
    await putManifest(db, 'history', putAgain(one, { tags: ['latest'] }))
    expect(await removeTag(db, 'history', 'latest', anyEvent())).toBe('deleted')
    await putManifest(db, 'history', putAgain(two, { tags: ['latest'] }))
    expect(await removeManifest(db, 'history', two.digest, anyEvent())).toBe('deleted')
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

  it('has every change, however many came at once, and ends with the current value', async () => {
    const manifests = Array.from({ length: 10 }, () => anyManifest({ tags: ['raced'] }))
    await Promise.all(manifests.map((manifest) => putManifest(db, 'history', manifest)))
    const values = await history('history', 'raced')
    expect(values.toSorted()).toEqual(manifests.map(({ digest }) => digest).toSorted())
    const now = await db
      .prepare(`SELECT digest FROM tags WHERE name = 'raced'`)
      .first<{ digest: string }>()
    expect(values.at(-1)).toBe(now?.digest)
  })

  it('is timed by one clock, that of the changes, deletes by cascade included', async () => {
    const skewed = (ms: number) => ({ ...anyEvent(), timestamp: new Date(ms).toISOString() })
    const end = Date.now() + 3_600_000
    const { digest } = await storedManifest('clock', { tags: ['a', 'b'] })
    await removeTag(db, 'clock', 'a', skewed(end))
    await removeManifest(db, 'clock', digest, skewed(end + 1))
    const times = async () => {
      const { results } = await db
        .prepare(
          `SELECT tag_history.name, changed_at FROM tag_history
           JOIN repositories ON repositories.id = tag_history.repository_id
           WHERE repositories.name = 'clock' AND digest IS NULL ORDER BY tag_history.id`,
        )
        .all<{ name: string; changed_at: number }>()
      return results.map(({ name, changed_at }) => [name, changed_at])
    }
    expect(await times()).toEqual([
      ['a', end],
      ['b', end + 1],
    ])
    // The clock of another instance may be behind: a tag does not end before it was set.
    const before = Date.now()
    await storedManifest('clock', { tags: ['c'] })
    await removeTag(db, 'clock', 'c', skewed(0))
    expect((await times()).at(-1)?.[1]).toBeGreaterThanOrEqual(before)
  })

  it('has no entry for a failed push', async () => {
    const missing = anyManifest()
    const manifest = anyManifest({ blobs: [missing], tags: ['no'] })
    expect(await putManifest(db, 'history', manifest)).toBe('missing')
    expect(await history('history', 'no')).toEqual([])
  })
})

describe('a push that may not move tags', () => {
  it('adds tags, and repeats those that name the manifest already', async () => {
    const manifest = await storedManifest('once', { tags: ['v1'] })
    const again = putAgain(manifest, { tags: ['v1', 'v2'], mayMoveTags: false })
    expect(await putManifest(db, 'once', again)).toBe('stored')
    expect(await listTags(db, 'once', '', 10)).toEqual(['v1', 'v2'])
    expect(await history('once', 'v1')).toEqual([manifest.digest])
  })

  it('is refused as a whole if one of its tags names another manifest', async () => {
    const { digest } = await storedManifest('once', { tags: ['v3'] })
    const other = anyManifest({ tags: ['new', 'v3'], mayMoveTags: false })
    expect(await putManifest(db, 'once', other)).toBe('tag taken')
    expect(await history('once', 'v3')).toEqual([digest])
    expect(await history('once', 'new')).toEqual([])
    expect(await findManifestByDigest(db, 'once', other.digest)).toBeNull()
  })

  it('competes with another one for the same new tag, and one of the two wins', async () => {
    for (let round = 0; round < 10; round += 1) {
      const tags = [`race-${round}`]
      const pushes = [1, 2].map(() =>
        putManifest(db, 'once', anyManifest({ tags, mayMoveTags: false })),
      )
      expect((await Promise.all(pushes)).sort()).toEqual(['stored', 'tag taken'])
      expect(await history('once', `race-${round}`)).toHaveLength(1)
    }
  })
})

describe('listTags', () => {
  it('is null for a missing repository, and empty for one without tags', async () => {
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
  it('says whether there was one', async () => {
    await storedManifest('removed', { tags: ['a'] })
    expect(await removeTag(db, 'removed', 'b', anyEvent())).toBe('unknown')
    expect(await removeTag(db, 'none', 'a', anyEvent())).toBe('unknown')
    expect(await removeTag(db, 'removed', 'a', anyEvent())).toBe('deleted')
    expect(await removeTag(db, 'removed', 'a', anyEvent())).toBe('unknown')
  })
})
