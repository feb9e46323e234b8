/** Referrers and signing keys: the small tables. */
import { describe, expect, it } from 'vitest'
import { signingKey } from '../../../src/store/access/signing-keys.ts'
import { listReferrers, type ReferrersQuery } from '../../../src/store/registry/referrers.ts'
import { anyDigest, count, db, storedManifest } from '../support.ts'

describe('listReferrers', () => {
  it('lists by subject, type and repository, with the entries of the fallback tag', async () => {
    const subject = anyDigest()
    const one = await storedManifest('refer', {
      subject,
      artifactType: 'a/x',
      annotations: '{"k":"v"}',
    })
    const two = await storedManifest('refer', { subject, artifactType: 'a/y' })
    await storedManifest('refer', { subject: anyDigest() })
    await storedManifest('refer/other', { subject })
    const tag = `sha256-${'a'.repeat(64)}`
    const entry = { mediaType: 'a/b', digest: anyDigest(), size: 1 }
    await storedManifest('refer', { tags: [tag], entries: [entry] })
    await storedManifest('refer', { tags: ['untouched'], entries: [entry] })
    const query: ReferrersQuery = {
      subject,
      fallbackTag: 'none',
      artifactType: null,
      last: '',
      limit: 10,
    }

    const { referrers, fallback } = await listReferrers(db, 'refer', query)
    expect(fallback).toEqual([])
    expect(referrers).toEqual(
      [one, two].map(({ digest, mediaType, artifactType, annotations, size }) => ({
        digest,
        mediaType,
        artifactType,
        annotations,
        size,
      })),
    )
    const digests = async (changed: Partial<ReferrersQuery>) => {
      const page = await listReferrers(db, 'refer', { ...query, ...changed })
      return page.referrers.map(({ digest }) => digest)
    }
    expect(await digests({ artifactType: 'a/y' })).toEqual([two.digest])
    expect(await digests({ limit: 1 })).toEqual([one.digest])
    expect(await digests({ last: one.digest })).toEqual([two.digest])
    const tagged = await listReferrers(db, 'refer', { ...query, fallbackTag: tag })
    const fallen = [{ digest: entry.digest, descriptor: JSON.stringify(entry) }]
    expect(tagged).toMatchObject({ fallback: fallen, isUnread: false })
    const other = await listReferrers(db, 'refer', { ...query, fallbackTag: 'untouched' })
    expect(other).toMatchObject({ fallback: [], isUnread: true })
  })
})

describe('signingKey', () => {
  it('is created once, however many request it first, and stays', async () => {
    const keys = await Promise.all(Array.from({ length: 8 }, () => signingKey(db, 'raced')))
    const again = await signingKey(db, 'raced')
    const other = await signingKey(db, 'other')
    const message = new Uint8Array([1, 2, 3])
    const sign = async (key: CryptoKey) =>
      new Uint8Array(await crypto.subtle.sign('HMAC', key, message)).toHex()
    const signature = await sign(again)
    for (const key of keys) expect(await sign(key)).toBe(signature)
    expect(await sign(other)).not.toBe(signature)
    expect(await count('signing_keys')).toBe(2)
  })
})
