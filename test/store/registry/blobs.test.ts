import { beforeEach, describe, expect, it } from 'vitest'
import { matchesPattern } from '../../../src/lib/repository-pattern.ts'
import {
  commitBlob,
  findBlob,
  mountBlob,
  repositoryWithBlob,
  unlinkBlob,
} from '../../../src/store/registry/blobs.ts'
import { removeManifest } from '../../../src/store/registry/manifests.ts'
import { anyEvent } from '../../support/any-event.ts'
import { anyBlob, anyDigest, buried, committedBlob, count, db, storedManifest } from '../support.ts'

beforeEach(async () => {
  for (const table of [
    'manifests',
    'repository_blobs',
    'blobs',
    'tag_history',
    'tombstones',
    'repositories',
  ]) {
    await db.prepare(`DELETE FROM ${table}`).run()
  }
})

describe('commitBlob', () => {
  it('makes a blob visible in its repository alone', async () => {
    const blob = await committedBlob('a')
    expect(await findBlob(db, 'a', blob.digest)).toEqual(blob)
    expect(await findBlob(db, 'b', blob.digest)).toBeNull()
    expect(await findBlob(db, 'a', anyDigest())).toBeNull()
    expect(await buried()).toEqual([])
  })

  it('keeps the first object of a digest, and buries every other', async () => {
    const first = await committedBlob('a')
    const second = anyBlob(first.digest)
    await commitBlob(db, 'a', second, anyEvent())
    const third = anyBlob(first.digest)
    await commitBlob(db, 'b', third, anyEvent())
    expect(await findBlob(db, 'a', first.digest)).toEqual(first)
    expect(await findBlob(db, 'b', first.digest)).toEqual(first)
    expect(await buried()).toEqual([second.storageKey, third.storageKey].sort())
  })

  it('at the same time as others of the same digest leaves one object', async () => {
    const digest = anyDigest()
    const blobs = Array.from({ length: 8 }, () => anyBlob(digest))
    await Promise.all(
      blobs.map((blob, index) => commitBlob(db, index % 2 ? 'a' : 'b', blob, anyEvent())),
    )
    const winner = await findBlob(db, 'a', digest)
    expect(await findBlob(db, 'b', digest)).toEqual(winner)
    const losers = blobs
      .map(({ storageKey }) => storageKey)
      .filter((key) => key !== winner?.storageKey)
    expect(losers).toHaveLength(7)
    expect(await buried()).toEqual(losers.sort())
    expect(await count('blobs')).toBe(1)
  })

  it('may be repeated with the same object, which is not buried', async () => {
    const blob = await committedBlob('a')
    await commitBlob(db, 'a', blob, anyEvent())
    await commitBlob(db, 'b', blob, anyEvent())
    expect(await buried()).toEqual([])
  })
})

describe('unlinkBlob', () => {
  it('buries the object when the last repository removes it', async () => {
    const blob = await committedBlob('a')
    await mountBlob(db, 'b', blob.digest, 'a', anyEvent())
    expect(await unlinkBlob(db, 'a', blob.digest, anyEvent())).toBe('deleted')
    expect(await buried()).toEqual([])
    expect(await findBlob(db, 'b', blob.digest)).toEqual(blob)
    expect(await unlinkBlob(db, 'b', blob.digest, anyEvent())).toBe('deleted')
    expect(await buried()).toEqual([blob.storageKey])
    expect(await count('blobs')).toBe(0)
  })

  it('reports a missing blob', async () => {
    const blob = await committedBlob('a')
    expect(await unlinkBlob(db, 'a', anyDigest(), anyEvent())).toBe('unknown')
    expect(await unlinkBlob(db, 'none', blob.digest, anyEvent())).toBe('unknown')
    expect(await findBlob(db, 'a', blob.digest)).toEqual(blob)
  })

  it('changes nothing while a manifest of the repository refers to the blob', async () => {
    const blob = await committedBlob('a')
    const manifest = await storedManifest('a', { blobs: [blob] })
    expect(await unlinkBlob(db, 'a', blob.digest, anyEvent())).toBe('in use')
    expect(await findBlob(db, 'a', blob.digest)).toEqual(blob)
    expect(await buried()).toEqual([])
    await removeManifest(db, 'a', manifest.digest, anyEvent())
    expect(await unlinkBlob(db, 'a', blob.digest, anyEvent())).toBe('deleted')
  })

  it("is not held by another repository's manifest", async () => {
    const blob = await committedBlob('a')
    await mountBlob(db, 'b', blob.digest, 'a', anyEvent())
    await storedManifest('a', { blobs: [blob] })
    expect(await unlinkBlob(db, 'b', blob.digest, anyEvent())).toBe('deleted')
    expect(await findBlob(db, 'a', blob.digest)).toEqual(blob)
  })

  it('lets a new object of the same digest live', async () => {
    const old = await committedBlob('a')
    await unlinkBlob(db, 'a', old.digest, anyEvent())
    const fresh = anyBlob(old.digest)
    await commitBlob(db, 'a', fresh, anyEvent())
    expect(await findBlob(db, 'a', old.digest)).toEqual(fresh)
    expect(await buried()).toEqual([old.storageKey])
  })
})

describe('mountBlob', () => {
  it.each<[string, string, boolean]>([
    ['the repository that has it', 'a', true],
    ['one that has it not', 'b', false],
    ['one that is not there', 'none', false],
    ['no repository', '', false],
  ])('from %s', async (_, from, expected) => {
    const blob = await committedBlob('a')
    await committedBlob('b')
    expect(await mountBlob(db, 'target', blob.digest, from, anyEvent())).toBe(expected)
    expect(await findBlob(db, 'target', blob.digest)).toEqual(expected ? blob : null)
    // What was not mounted left no repository behind.
    expect(await count('repositories')).toBe(expected ? 3 : 2)
  })

  it('may be repeated', async () => {
    const blob = await committedBlob('a')
    for (let times = 0; times < 2; times += 1) {
      expect(await mountBlob(db, 'b', blob.digest, 'a', anyEvent())).toBe(true)
      expect(await mountBlob(db, 'a', blob.digest, 'a', anyEvent())).toBe(true)
    }
    expect(await count('repository_blobs')).toBe(2)
  })
})

describe('repositoryWithBlob', () => {
  it('finds the only readable one among any number of others', async () => {
    const blob = await committedBlob('hidden/first')
    await db.batch([
      db
        .prepare(
          `INSERT INTO repositories (name, created_at)
           SELECT 'hidden/n' || value, 0 FROM json_each(?1)`,
        )
        .bind(JSON.stringify(Array.from({ length: 1500 }, (_, n) => n))),
      db
        .prepare(
          `INSERT INTO repository_blobs (repository_id, digest, linked_at)
           SELECT id, ?1, 0 FROM repositories WHERE name LIKE 'hidden/n%'`,
        )
        .bind(blob.digest),
    ])
    expect(await repositoryWithBlob(db, blob.digest, ['mine/*'])).toBeNull()
    await mountBlob(db, 'mine/last', blob.digest, 'hidden/first', anyEvent())
    expect(await repositoryWithBlob(db, blob.digest, ['mine/*'])).toBe('mine/last')
  })

  it.each([
    [[]],
    [['*']],
    [['**']],
    [['a']],
    [['a/*']],
    [['a/**']],
    [['a/*', 'a/b/c/**']],
    [['a/b', 'a/b/c']],
  ])('of %j has what the patterns match', async (patterns) => {
    for (const name of ['a', 'a/b', 'a/b/c', 'a/b/c/d', 'a-b', 'a0/b']) {
      const blob = await committedBlob(name)
      const isMatched = patterns.some((pattern) => matchesPattern(pattern, name))
      expect(await repositoryWithBlob(db, blob.digest, patterns)).toBe(isMatched ? name : null)
    }
  })
})
