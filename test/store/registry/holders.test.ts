import { describe, expect, it } from 'vitest'
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
})
