/** Tombstones, and the sweep that lets their bytes go. */
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { sweepTombstones } from '../../src/maintenance/sweep.ts'
import { newStorageKey } from '../../src/store/blob-store.ts'
import { commitBlob, unlinkBlob } from '../../src/store/blobs.ts'
import { R2BlobStore } from '../../src/store/r2-blob-store.ts'
import {
  buryUnlessTaken,
  dueTombstones,
  forgetTombstones,
  TOMBSTONE_GRACE_MS,
} from '../../src/store/tombstones.ts'
import { anyEvent } from '../support/any-event.ts'
import { anyBlob, buried, db } from './support.ts'

const store = new R2BlobStore(env.BUCKET)

beforeEach(async () => {
  await db.prepare('DELETE FROM tombstones').run()
})

async function bury(key: string, now: number): Promise<void> {
  await buryUnlessTaken(db, key, now).run()
}

describe('buryUnlessTaken', () => {
  it('buries bytes that no row names, and no others', async () => {
    const blob = anyBlob()
    await commitBlob(db, 'tombs', blob, anyEvent())
    const orphan = newStorageKey('blobs')
    await bury(blob.storageKey, 0)
    await bury(orphan, 0)
    await bury(orphan, 1)
    expect(await buried()).toEqual([orphan])
  })
})

describe('dueTombstones', () => {
  it('are those whose grace is over, the oldest first', async () => {
    for (const [key, now] of [
      ['c', 30],
      ['a', 10],
      ['b', 20],
    ] as const)
      await bury(key, now)
    expect(await dueTombstones(db, TOMBSTONE_GRACE_MS + 9, 10)).toEqual([])
    expect(await dueTombstones(db, TOMBSTONE_GRACE_MS + 20, 10)).toEqual(['a', 'b'])
    expect(await dueTombstones(db, TOMBSTONE_GRACE_MS + 99, 2)).toEqual(['a', 'b'])
    await forgetTombstones(db, ['a', 'b', 'not there'])
    expect(await dueTombstones(db, TOMBSTONE_GRACE_MS + 99, 2)).toEqual(['c'])
  })
})

describe('sweepTombstones', () => {
  it('deletes the bytes of a deleted blob after the grace, not before', async () => {
    const blob = anyBlob()
    await env.BUCKET.put(blob.storageKey, 'bytes')
    await commitBlob(db, 'swept', blob, anyEvent())
    await unlinkBlob(db, 'swept', blob.digest, anyEvent())
    const now = Date.now()
    expect(await sweepTombstones(db, store, now)).toBe(0)
    expect(await store.size(blob.storageKey)).toBe(5)
    expect(await sweepTombstones(db, store, now + TOMBSTONE_GRACE_MS + 1000)).toBe(1)
    expect(await store.size(blob.storageKey)).toBeNull()
    expect(await buried()).toEqual([])
  })

  it('leaves a fresh object of the same digest', async () => {
    const old = anyBlob()
    const fresh = anyBlob(old.digest)
    await env.BUCKET.put(old.storageKey, 'old')
    await env.BUCKET.put(fresh.storageKey, 'fresh')
    await commitBlob(db, 'swept', old, anyEvent())
    await unlinkBlob(db, 'swept', old.digest, anyEvent())
    await commitBlob(db, 'swept', fresh, anyEvent())
    await sweepTombstones(db, store, Date.now() + 2 * TOMBSTONE_GRACE_MS)
    expect(await store.size(old.storageKey)).toBeNull()
    expect(await store.size(fresh.storageKey)).toBe(5)
  })

  it('begins again where it broke off', async () => {
    const key = newStorageKey('blobs')
    await env.BUCKET.put(key, 'bytes')
    await bury(key, 0)
    const breaking = new Proxy(store, {
      get: (target, name) =>
        name === 'remove'
          ? () => Promise.reject(new Error('R2 is away'))
          : Reflect.get(target, name),
    })
    const now = TOMBSTONE_GRACE_MS
    await expect(sweepTombstones(db, breaking, now)).rejects.toThrow('R2 is away')
    expect(await buried()).toEqual([key])
    expect(await sweepTombstones(db, store, now)).toBe(1)
    expect(await store.size(key)).toBeNull()
  })

  it('takes more than one round of a thousand', async () => {
    await db
      .prepare(
        `WITH RECURSIVE counter (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < 2500)
         INSERT INTO tombstones SELECT 'many/' || n, 0 FROM counter`,
      )
      .run()
    expect(await sweepTombstones(db, store, 0)).toBe(2500)
    expect(await buried()).toEqual([])
  })
})
