/** The sweep that lets buried bytes go. */
import { env } from 'cloudflare:workers'
import { beforeEach, describe, expect, it } from 'vitest'
import { forgetRows } from '../../src/maintenance/forget-rows.ts'
import { sweepTombstones } from '../../src/maintenance/sweep.ts'
import { newStorageKey } from '../../src/store/bytes/blob-store.ts'
import { R2BlobStore } from '../../src/store/bytes/r2-blob-store.ts'
import {
  buryUnlessTaken,
  REMOVED_KEPT_MS,
  TOMBSTONE_GRACE_MS,
} from '../../src/store/bytes/tombstones.ts'
import type { Database } from '../../src/store/database/database.ts'
import { commitBlob, unlinkBlob } from '../../src/store/registry/blobs.ts'
import { anyBlob, buried, db, REGISTRY } from '../store/support.ts'
import { anyEvent } from '../support/any-event.ts'

const store = new R2BlobStore(env.BUCKET)

/** The store or the database, one method of which fails. */
function failing<T extends object>(target: T, method: keyof T): T {
  return new Proxy(target, {
    get(_, name) {
      if (name === method) return () => Promise.reject(new Error(`${String(name)} failed`))
      const member: unknown = Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

async function waiting(): Promise<number> {
  const sql = 'SELECT count(*) AS n FROM tombstones WHERE removed_at IS NULL'
  return (await db.prepare(sql).first<{ n: number }>())?.n ?? 0
}

beforeEach(async () => {
  await db.prepare('DELETE FROM tombstones').run()
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
    const later = now + TOMBSTONE_GRACE_MS + 1000
    expect(await sweepTombstones(db, store, later)).toBe(1)
    expect(await store.size(blob.storageKey)).toBeNull()
    expect(await sweepTombstones(db, store, later)).toBe(0)
    expect(await buried()).toEqual([blob.storageKey])
    await forgetRows(db, later + REMOVED_KEPT_MS)
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

  it('continues after a crash before the bytes were deleted', async () => {
    const key = newStorageKey(REGISTRY, 'blobs')
    await env.BUCKET.put(key, 'bytes')
    await buryUnlessTaken(db, key, 0).run()
    const now = TOMBSTONE_GRACE_MS
    await expect(sweepTombstones(db, failing(store, 'remove'), now)).rejects.toThrow(
      'remove failed',
    )
    expect(await waiting()).toBe(1)
    expect(await sweepTombstones(db, store, now)).toBe(1)
    expect(await store.size(key)).toBeNull()
    expect(await waiting()).toBe(0)
  })

  it('continues after a crash between removing the bytes and recording it', async () => {
    const key = newStorageKey(REGISTRY, 'blobs')
    await env.BUCKET.put(key, 'bytes')
    await buryUnlessTaken(db, key, 0).run()
    const now = TOMBSTONE_GRACE_MS
    const prepare = (sql: string) => {
      if (sql.includes('SET removed_at')) throw new Error('D1 is away')
      return db.prepare(sql)
    }
    const crashing: Database = { prepare, batch: (statements) => db.batch(statements) }
    await expect(sweepTombstones(crashing, store, now)).rejects.toThrow('D1 is away')
    expect(await store.size(key)).toBeNull()
    expect(await waiting()).toBe(1)
    expect(await sweepTombstones(db, store, now)).toBe(1)
    expect(await waiting()).toBe(0)
  })

  it('runs up to six rounds of a thousand, and the rest in the next run', async () => {
    await db
      .prepare(
        `WITH RECURSIVE counter (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < 6500)
         INSERT INTO tombstones (storage_key, delete_after) SELECT 'many/' || n, 0 FROM counter`,
      )
      .run()
    expect(await sweepTombstones(db, store, 0)).toBe(6000)
    expect(await sweepTombstones(db, store, 0)).toBe(500)
    await forgetRows(db, REMOVED_KEPT_MS)
    await forgetRows(db, REMOVED_KEPT_MS)
    expect(await buried()).toEqual([])
  })
})
