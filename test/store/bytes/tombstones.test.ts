/** Tombstones, and the sweep that lets their bytes go. */
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { newStorageKey } from '../../../src/store/bytes/blob-store.ts'
import {
  buryOnError,
  buryUnlessTaken,
  claimTombstones,
  forgetTombstones,
  noteRemoved,
  REMOVED_KEPT_MS,
  TOMBSTONE_GRACE_MS,
} from '../../../src/store/bytes/tombstones.ts'
import { commitBlob, unlinkBlob } from '../../../src/store/registry/blobs.ts'
import { putManifest } from '../../../src/store/registry/put-manifest.ts'
import { anyEvent } from '../../support/any-event.ts'
import {
  anyBlob,
  anyManifest,
  buried,
  committedBlob,
  db,
  REGISTRY,
  storedManifest,
} from '../support.ts'

beforeEach(async () => {
  await db.prepare('DELETE FROM tombstones').run()
})

async function bury(key: string, now: number): Promise<void> {
  await buryUnlessTaken(db, key, now).run()
}

describe('buryUnlessTaken', () => {
  it('buries bytes that no row names, and no others', async () => {
    const blob = await committedBlob('tombs')
    const storageKey = newStorageKey(REGISTRY, 'manifests')
    await storedManifest('tombs', { content: { storageKey } })
    const orphan = newStorageKey(REGISTRY, 'blobs')
    for (const key of [blob.storageKey, storageKey, orphan, orphan]) await bury(key, 0)
    expect(await buried()).toEqual([orphan])
  })
})

describe('buryOnError', () => {
  it('buries the key if the work throws, and throws the same error', async () => {
    const [kept, lost] = [newStorageKey(REGISTRY, 'blobs'), newStorageKey(REGISTRY, 'blobs')]
    expect(await buryOnError(db, kept, async () => 'done')).toBe('done')
    const failing = buryOnError(db, lost, () => Promise.reject(new Error('R2 is away')))
    await expect(failing).rejects.toThrow('R2 is away')
    expect(await buried()).toEqual([lost])
  })

  it('does not bury the key if the work took effect and only its answer was lost', async () => {
    const blob = anyBlob()
    const failing = buryOnError(db, blob.storageKey, async () => {
      await commitBlob(db, 'tombs', blob, anyEvent())
      throw new Error('the answer was lost')
    })
    await expect(failing).rejects.toThrow('the answer was lost')
    expect(await buried()).toEqual([])
  })

  it('throws the error of the work if the key cannot be buried', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    const away = { ...db, prepare: () => db.prepare('no statement'), batch: db.batch }
    const failing = buryOnError(away, 'key', () => Promise.reject(new Error('R2 is away')))
    await expect(failing).rejects.toThrow('R2 is away')
    expect(log).toHaveBeenCalledOnce()
    log.mockRestore()
  })
})

describe('claimTombstones', () => {
  it('claims those whose grace is over, the oldest first', async () => {
    for (const [key, now] of [
      ['c', 30],
      ['a', 10],
      ['b', 20],
    ] as const)
      await bury(key, now)
    expect(await claimTombstones(db, TOMBSTONE_GRACE_MS + 9, 10)).toEqual([])
    expect((await claimTombstones(db, TOMBSTONE_GRACE_MS + 99, 2)).sort()).toEqual(['a', 'b'])
  })

  it('claims unremoved ones again, and removed ones no more', async () => {
    await bury('a', 0)
    expect(await claimTombstones(db, TOMBSTONE_GRACE_MS, 10)).toEqual(['a'])
    expect(await claimTombstones(db, TOMBSTONE_GRACE_MS, 10)).toEqual(['a'])
    await noteRemoved(db, ['a', 'not there'], TOMBSTONE_GRACE_MS)
    expect(await claimTombstones(db, TOMBSTONE_GRACE_MS, 10)).toEqual([])
  })

  it('does not claim a key that a row names', async () => {
    const blob = await committedBlob('tombs')
    const storageKey = newStorageKey(REGISTRY, 'manifests')
    await storedManifest('tombs', { content: { storageKey } })
    for (const key of [blob.storageKey, storageKey, 'orphan']) {
      await db
        .prepare('INSERT INTO tombstones (storage_key, delete_after) VALUES (?1, 0)')
        .bind(key)
        .run()
    }
    expect(await claimTombstones(db, 1, 10)).toEqual(['orphan'])
  })
})

describe('a tombstone', () => {
  it('keeps its key from coming back, even after the bytes are gone, until it is removed', async () => {
    const blob = anyBlob()
    const manifest = anyManifest({ content: { storageKey: newStorageKey(REGISTRY, 'manifests') } })
    const manifestKey = 'storageKey' in manifest.content ? manifest.content.storageKey : ''
    await bury(blob.storageKey, 0)
    await bury(manifestKey, 0)
    const refused = async () => {
      expect(await commitBlob(db, 'tombs', blob, anyEvent())).toBe('buried')
      expect(await putManifest(db, 'tombs', manifest)).toBe('buried')
    }
    await refused()
    const keys = await claimTombstones(db, TOMBSTONE_GRACE_MS, 10)
    expect(keys.sort()).toEqual([blob.storageKey, manifestKey].sort())
    await refused()
    await noteRemoved(db, keys, TOMBSTONE_GRACE_MS)
    await refused()
    await forgetTombstones(db, TOMBSTONE_GRACE_MS + REMOVED_KEPT_MS - 1, 10).run()
    await refused()
    await forgetTombstones(db, TOMBSTONE_GRACE_MS + REMOVED_KEPT_MS, 10).run()
    expect(await commitBlob(db, 'tombs', blob, anyEvent())).toBe('committed')
  })

  it('is not forgotten before its bytes are gone, however old it is', async () => {
    await bury('a', 0)
    await claimTombstones(db, TOMBSTONE_GRACE_MS, 10)
    await forgetTombstones(db, 100 * REMOVED_KEPT_MS, 10).run()
    expect(await buried()).toEqual(['a'])
  })

  it('of a deleted blob leaves a fresh object of the same digest alone', async () => {
    const old = await committedBlob('tombs')
    await unlinkBlob(db, 'tombs', old.digest, anyEvent())
    const fresh = anyBlob(old.digest)
    expect(await commitBlob(db, 'tombs', fresh, anyEvent())).toBe('committed')
    expect(await buried()).toEqual([old.storageKey])
  })
})
