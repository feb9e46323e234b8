import { describe, expect, it } from 'vitest'
import { newStorageKey } from '../../src/store/blob-store.ts'
import { unlinkBlob } from '../../src/store/blobs.ts'
import {
  findManifestByDigest,
  findManifestByTag,
  removeManifest,
} from '../../src/store/manifests.ts'
import { blobSizes, manifestSizes, putManifest } from '../../src/store/put-manifest.ts'
import { anyEvent } from '../support/any-event.ts'
import {
  anyDigest,
  anyManifest,
  buried,
  committedBlob,
  count,
  db,
  storedManifest,
} from './support.ts'

describe('putManifest', () => {
  it('is found by digest and by each tag, in its repository alone', async () => {
    const { digest, mediaType, size, content } = await storedManifest('put', { tags: ['a', 'b'] })
    const stored = { digest, mediaType, size, content }
    expect(await findManifestByDigest(db, 'put', digest)).toEqual(stored)
    for (const tag of ['a', 'b']) expect(await findManifestByTag(db, 'put', tag)).toEqual(stored)
    expect(await findManifestByDigest(db, 'put/other', digest)).toBeNull()
    expect(await findManifestByTag(db, 'put', 'c')).toBeNull()
  })

  it.each<[string, Parameters<typeof anyManifest>[0]]>([
    ['a blob', { blobs: [anyDigest()] }],
    ['a child', { children: [anyDigest()] }],
  ])('is refused by the schema where %s is not there, and changes nothing', async (_, missing) => {
    const manifest = anyManifest({ ...missing, tags: ['refused'] })
    const repositories = await count('repositories')
    expect(await putManifest(db, 'put/refused', manifest)).toBe('missing')
    expect(await findManifestByDigest(db, 'put/refused', manifest.digest)).toBeNull()
    expect(await findManifestByTag(db, 'put/refused', 'refused')).toBeNull()
    expect(await count('repositories')).toBe(repositories)
  })

  it('is refused where the blob is in another repository', async () => {
    const { digest } = await committedBlob('put/with-blob')
    expect(await putManifest(db, 'put/without', anyManifest({ blobs: [digest] }))).toBe('missing')
  })

  it('against the delete of its blob: one of the two wins', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { digest } = await committedBlob('race')
      const manifest = anyManifest({ blobs: [digest] })
      const [put, unlinked] = await Promise.all([
        putManifest(db, 'race', manifest),
        unlinkBlob(db, 'race', digest, anyEvent()),
      ])
      expect([put, unlinked]).toEqual(
        put === 'stored' ? ['stored', 'in use'] : ['missing', 'deleted'],
      )
    }
  })

  it('may be repeated: the first object stays, the others are buried', async () => {
    const storageKey = newStorageKey('manifests')
    const manifest = await storedManifest('put/large', { content: { storageKey } })
    await putManifest(db, 'put/large', manifest)
    expect(await buried()).not.toContain(storageKey)
    const again = newStorageKey('manifests')
    await putManifest(db, 'put/large', { ...manifest, content: { storageKey: again } })
    const found = await findManifestByDigest(db, 'put/large', manifest.digest)
    expect(found?.content).toEqual({ storageKey })
    expect(await buried()).toContain(again)
    expect(await buried()).not.toContain(storageKey)
  })
})

describe('removeManifest', () => {
  it('takes references and tags with it, and buries its object', async () => {
    const blob = await committedBlob('remove')
    const storageKey = newStorageKey('manifests')
    const manifest = await storedManifest('remove', {
      content: { storageKey },
      blobs: [blob.digest],
      tags: ['gone'],
    })
    expect(await removeManifest(db, 'remove', manifest.digest, anyEvent())).toBe('deleted')
    expect(await findManifestByTag(db, 'remove', 'gone')).toBeNull()
    expect(await buried()).toContain(storageKey)
    expect(await unlinkBlob(db, 'remove', blob.digest, anyEvent())).toBe('deleted')
    expect(await removeManifest(db, 'remove', manifest.digest, anyEvent())).toBe('unknown')
  })

  it('changes nothing while an index refers to the manifest', async () => {
    const storageKey = newStorageKey('manifests')
    const child = await storedManifest('remove', { content: { storageKey }, tags: ['child'] })
    const index = await storedManifest('remove', { children: [child.digest] })
    expect(await removeManifest(db, 'remove', child.digest, anyEvent())).toBe('in use')
    expect(await findManifestByTag(db, 'remove', 'child')).not.toBeNull()
    expect(await buried()).not.toContain(storageKey)
    expect(await removeManifest(db, 'remove', index.digest, anyEvent())).toBe('deleted')
    expect(await removeManifest(db, 'remove', child.digest, anyEvent())).toBe('deleted')
  })

  it('is of one repository', async () => {
    const manifest = await storedManifest('remove/a')
    await putManifest(db, 'remove/b', manifest)
    expect(await removeManifest(db, 'remove/a', manifest.digest, anyEvent())).toBe('deleted')
    expect(await findManifestByDigest(db, 'remove/b', manifest.digest)).not.toBeNull()
  })
})

describe('sizes', () => {
  it('are of what the repository has, however much is asked for', async () => {
    const blob = await committedBlob('sizes')
    const manifest = await storedManifest('sizes')
    const elsewhere = await committedBlob('sizes/other')
    const many = Array.from({ length: 10_000 }, () => anyDigest())
    const asked = [blob.digest, manifest.digest, elsewhere.digest, ...many]
    expect(await blobSizes(db, 'sizes', asked)).toEqual(new Map([[blob.digest, blob.size]]))
    expect(await manifestSizes(db, 'sizes', asked)).toEqual(
      new Map([[manifest.digest, manifest.size]]),
    )
    expect(await blobSizes(db, 'sizes', [])).toEqual(new Map())
  })
})
