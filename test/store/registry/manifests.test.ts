import { describe, expect, it } from 'vitest'
import type { Digest } from '../../../src/oci/digest.ts'
import { newStorageKey } from '../../../src/store/bytes/blob-store.ts'
import { buryUnlessTaken } from '../../../src/store/bytes/tombstones.ts'
import type { Database } from '../../../src/store/database/database.ts'
import { unlinkBlob } from '../../../src/store/registry/blobs.ts'
import { findContent } from '../../../src/store/registry/find-content.ts'
import {
  findManifestByDigest,
  findManifestByTag,
  removeManifest,
} from '../../../src/store/registry/manifests.ts'
import {
  type BlobReference,
  type ChildReference,
  type NewManifest,
  putManifest,
} from '../../../src/store/registry/put-manifest.ts'
import { anyEvent } from '../../support/any-event.ts'
import {
  anyBlob,
  anyDigest,
  anyManifest,
  buried,
  committedBlob,
  count,
  db,
  putAgain,
  REGISTRY,
  storedManifest,
} from '../support.ts'

/** What a descriptor says that is wrong about the size. */
function smaller<T extends BlobReference>(reference: T): T {
  return { ...reference, size: reference.size - 1 }
}

describe('putManifest', () => {
  it('is found by digest and by each tag, in its repository alone', async () => {
    const { digest, mediaType, size, content } = await storedManifest('put', { tags: ['a', 'b'] })
    const stored = { digest, mediaType, size, content }
    expect(await findManifestByDigest(db, 'put', digest)).toEqual(stored)
    for (const tag of ['a', 'b']) expect(await findManifestByTag(db, 'put', tag)).toEqual(stored)
    expect(await findManifestByDigest(db, 'put/other', digest)).toBeNull()
    expect(await findManifestByTag(db, 'put', 'c')).toBeNull()
  })

  it.each<[string, () => Promise<Partial<NewManifest>>]>([
    ['a blob is nowhere', async () => ({ blobs: [anyBlob()] })],
    ['a blob is elsewhere', async () => ({ blobs: [await committedBlob('put/elsewhere')] })],
    ['a blob is larger', async () => ({ blobs: [smaller(await committedBlob('put/refused'))] })],
    [
      'one of two sizes of a blob is wrong',
      async () => {
        const blob = await committedBlob('put/refused')
        return { blobs: [blob, smaller(blob)] }
      },
    ],
    [
      'the last of many blobs is not there',
      async () => ({ blobs: [await committedBlob('put/refused'), anyBlob()] }),
    ],
    ['a child is nowhere', async () => ({ children: [anyManifest()] })],
    ['a child is elsewhere', async () => ({ children: [await storedManifest('put/elsewhere')] })],
    [
      'a child is larger',
      async () => ({ children: [smaller(await storedManifest('put/refused'))] }),
    ],
  ])('is refused by the schema if %s, and changes nothing', async (_, missing) => {
    const storageKey = newStorageKey(REGISTRY, 'manifests')
    const extra = { ...(await missing()), content: { storageKey }, tags: ['refused'] }
    const manifest = anyManifest(extra)
    const repositories = await count('repositories')
    expect(await putManifest(db, 'put/refused', manifest)).toBe('missing')
    expect(await findManifestByDigest(db, 'put/refused', manifest.digest)).toBeNull()
    expect(await findManifestByTag(db, 'put/refused', 'refused')).toBeNull()
    expect(await count('repositories')).toBe(repositories)
    // What lies in the blob store already is not forgotten there.
    expect(await buried()).toContain(storageKey)
  })

  it('also buries the object if the batch fails in another way', async () => {
    const storageKey = newStorageKey(REGISTRY, 'manifests')
    const manifest = anyManifest({ content: { storageKey } })
    const away: Database = {
      prepare: (sql) => db.prepare(sql),
      batch: () => Promise.reject(new Error('D1 is away')),
    }
    await expect(putManifest(away, 'put/away', manifest)).rejects.toThrow('D1 is away')
    expect(await buried()).toContain(storageKey)
  })

  it('is not stored with a buried object, and changes nothing', async () => {
    const storageKey = newStorageKey(REGISTRY, 'manifests')
    await buryUnlessTaken(db, storageKey, 0).run()
    const manifest = anyManifest({ content: { storageKey }, tags: ['buried'] })
    expect(await putManifest(db, 'put', manifest)).toBe('buried')
    expect(await findManifestByDigest(db, 'put', manifest.digest)).toBeNull()
    expect(await findManifestByTag(db, 'put', 'buried')).toBeNull()
    const again = newStorageKey(REGISTRY, 'manifests')
    const fresh = putAgain(manifest, { content: { storageKey: again } })
    expect(await putManifest(db, 'put', fresh)).toBe('stored')
  })

  it('refers to each blob and child once, however often it lists it', async () => {
    const blob = await committedBlob('put')
    const child = await storedManifest('put')
    await storedManifest('put', { blobs: [blob, blob], children: [child, child] })
    expect(await unlinkBlob(db, 'put', blob.digest, anyEvent())).toBe('in use')
    expect(await removeManifest(db, 'put', child.digest, anyEvent())).toBe('in use')
  })

  it('is refused if the blob is in another repository', async () => {
    const blob = await committedBlob('put/with-blob')
    expect(await putManifest(db, 'put/without', anyManifest({ blobs: [blob] }))).toBe('missing')
  })

  it.each<[string, (child: NewManifest) => Partial<ChildReference>]>([
    ['of another type', () => ({ mediaType: 'application/vnd.oci.image.index.v1+json' })],
    ['of another size', (child) => smaller(child)],
  ])('is refused if a child is %s than its descriptor says', async (_, wrong) => {
    const child = await storedManifest('put/typed')
    const children = [{ ...child, ...wrong(child) }]
    expect(await putManifest(db, 'put/typed', anyManifest({ children }))).toBe('missing')
  })

  it('refers to a manifest that was pushed as a blob, and protects it as a blob', async () => {
    const { mediaType } = anyManifest()
    const asBlob = { ...(await committedBlob('put/as-blob')), mediaType }
    const child = await storedManifest('put/as-blob')
    const wrong = anyManifest({ children: [smaller(asBlob)] })
    expect(await putManifest(db, 'put/as-blob', wrong)).toBe('missing')
    const index = await storedManifest('put/as-blob', { children: [asBlob, child] })
    const unlink = () => unlinkBlob(db, 'put/as-blob', asBlob.digest, anyEvent())
    expect(await unlink()).toBe('in use')
    expect(await removeManifest(db, 'put/as-blob', child.digest, anyEvent())).toBe('in use')
    await removeManifest(db, 'put/as-blob', index.digest, anyEvent())
    expect(await unlink()).toBe('deleted')
  })

  it('binds no value of more than the 2 MB that D1 takes', async () => {
    const lengths: number[] = []
    const watched: Database = {
      batch: (statements) => db.batch(statements),
      prepare: (sql) => {
        const statement = db.prepare(sql)
        const bind = (...values: unknown[]) => {
          lengths.push(...values.map((value) => String(value).length))
          return statement.bind(...values)
        }
        return { ...statement, bind }
      },
    }
    const digest: Digest = `sha512:${'0'.repeat(128)}`
    const mediaType = 'application/vnd.docker.distribution.manifest.list.v2+json'
    const children = Array(10_000).fill({ digest, size: Number.MAX_SAFE_INTEGER, mediaType })
    expect(await putManifest(watched, 'put', anyManifest({ children }))).toBe('missing')
    expect(Math.max(...lengths)).toBeGreaterThan(1_000_000)
    expect(Math.max(...lengths)).toBeLessThan(2_000_000)
  })

  it('competes with the delete of its blob, and one of the two wins', async () => {
    for (let round = 0; round < 10; round += 1) {
      const blob = await committedBlob('race')
      const manifest = anyManifest({ blobs: [blob] })
      const [put, unlinked] = await Promise.all([
        putManifest(db, 'race', manifest),
        unlinkBlob(db, 'race', blob.digest, anyEvent()),
      ])
      expect([put, unlinked]).toEqual(
        put === 'stored' ? ['stored', 'in use'] : ['missing', 'deleted'],
      )
    }
  })

  it('puts the same manifest again: the first object stays, the others are buried', async () => {
    const storageKey = newStorageKey(REGISTRY, 'manifests')
    const manifest = await storedManifest('put/large', { content: { storageKey } })
    await putManifest(db, 'put/large', putAgain(manifest))
    expect(await buried()).not.toContain(storageKey)
    const again = newStorageKey(REGISTRY, 'manifests')
    await putManifest(db, 'put/large', putAgain(manifest, { content: { storageKey: again } }))
    const found = await findManifestByDigest(db, 'put/large', manifest.digest)
    expect(found?.content).toEqual({ storageKey })
    expect(await buried()).toContain(again)
    expect(await buried()).not.toContain(storageKey)
  })
})

describe('removeManifest', () => {
  it('removes references and tags too, and buries its object', async () => {
    const blob = await committedBlob('remove')
    const storageKey = newStorageKey(REGISTRY, 'manifests')
    const manifest = await storedManifest('remove', {
      content: { storageKey },
      blobs: [blob],
      tags: ['gone'],
    })
    expect(await removeManifest(db, 'remove', manifest.digest, anyEvent())).toBe('deleted')
    expect(await findManifestByTag(db, 'remove', 'gone')).toBeNull()
    expect(await buried()).toContain(storageKey)
    expect(await unlinkBlob(db, 'remove', blob.digest, anyEvent())).toBe('deleted')
    expect(await removeManifest(db, 'remove', manifest.digest, anyEvent())).toBe('unknown')
  })

  it('changes nothing while an index refers to the manifest', async () => {
    const storageKey = newStorageKey(REGISTRY, 'manifests')
    const child = await storedManifest('remove', { content: { storageKey }, tags: ['child'] })
    const index = await storedManifest('remove', { children: [child] })
    expect(await removeManifest(db, 'remove', child.digest, anyEvent())).toBe('in use')
    expect(await findManifestByTag(db, 'remove', 'child')).not.toBeNull()
    expect(await buried()).not.toContain(storageKey)
    expect(await removeManifest(db, 'remove', index.digest, anyEvent())).toBe('deleted')
    expect(await removeManifest(db, 'remove', child.digest, anyEvent())).toBe('deleted')
  })

  it('is limited to one repository', async () => {
    const manifest = await storedManifest('remove/a')
    await putManifest(db, 'remove/b', putAgain(manifest))
    expect(await removeManifest(db, 'remove/a', manifest.digest, anyEvent())).toBe('deleted')
    expect(await findManifestByDigest(db, 'remove/b', manifest.digest)).not.toBeNull()
  })
})

describe('content', () => {
  it('is found in the repository, however much is requested', async () => {
    const blob = await committedBlob('sizes')
    const manifest = await storedManifest('sizes')
    const elsewhere = await committedBlob('sizes/other')
    const many = Array.from({ length: 10_000 }, () => anyDigest())
    const asked = [blob.digest, manifest.digest, elsewhere.digest, ...many]
    const { size, mediaType } = manifest
    expect(await findContent(db, 'sizes', asked)).toEqual(
      new Map<string, object>([
        [blob.digest, { blobSize: blob.size, manifest: null }],
        [manifest.digest, { blobSize: null, manifest: { size, mediaType } }],
      ]),
    )
    expect(await findContent(db, 'sizes', [])).toEqual(new Map())
  })
})
