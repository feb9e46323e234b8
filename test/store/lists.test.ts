/** Referrers and signing keys: the small tables. */
import { describe, expect, it } from 'vitest'
import { listReferrers, type ReferrersQuery } from '../../src/store/referrers.ts'
import { signingKey } from '../../src/store/signing-keys.ts'
import { anyDigest, count, db, storedManifest } from './support.ts'

describe('listReferrers', () => {
  it('is of a subject, a type and a repository, with the manifest of the fallback tag', async () => {
    const subject = anyDigest()
    const one = await storedManifest('refer', {
      subject,
      artifactType: 'a/x',
      annotations: '{"k":"v"}',
    })
    const two = await storedManifest('refer', { subject, artifactType: 'a/y' })
    await storedManifest('refer', { subject: anyDigest() })
    await storedManifest('refer/other', { subject })
    await storedManifest('refer', { tags: ['fallback'], content: { payload: 'the list' } })
    const query: ReferrersQuery = {
      subject,
      fallbackTag: 'none',
      artifactType: null,
      last: '',
      limit: 10,
    }

    const { referrers, fallback } = await listReferrers(db, 'refer', query)
    expect(fallback).toBeNull()
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
    const tagged = await listReferrers(db, 'refer', { ...query, fallbackTag: 'fallback' })
    expect(tagged.fallback).toEqual({ payload: 'the list' })
  })

  it('takes no longer for annotations beyond the end of the page', async () => {
    const { digest: subject } = await storedManifest('refer/large', {})
    await db
      .prepare(`
        INSERT INTO manifests (repository_id, digest, media_type, subject_digest, annotations, size, payload, created_at, pushed_at)
        SELECT repositories.id, 'large:' || digits.value || others.value, 'a/b', ?1,
          '{"a":"' || hex(zeroblob(125000)) || '"}', 2, '{}', 0, 0
        FROM repositories, json_each('[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]') AS digits,
          json_each('[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]') AS others
        WHERE repositories.name = 'refer/large'
        ON CONFLICT DO NOTHING`)
      .bind(subject)
      .run()
    const query = { subject, fallbackTag: 'none', artifactType: null, last: '' }
    const fastest = async (limit: number) => {
      const times: number[] = []
      for (let round = 0; round < 5; round++) {
        const start = performance.now()
        const { referrers, full } = await listReferrers(db, 'refer/large', { ...query, limit })
        times.push(performance.now() - start)
        expect([referrers.length, full]).toEqual([9, limit > 9])
      }
      return Math.min(...times)
    }
    expect(await fastest(1001)).toBeLessThan(3 * (await fastest(9)))
  })
})

describe('signingKey', () => {
  it('is made once, however many ask for it first, and stays', async () => {
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
