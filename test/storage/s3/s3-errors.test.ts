import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { isPassing } from '../../../src/lib/passing-error.ts'
import { type Digest, digestOf } from '../../../src/oci/digest.ts'
import type { BlobStore } from '../../../src/store/bytes/blob-store.ts'
import { blobStoreOf } from '../../../src/store/bytes/choose-blob-store.ts'
import { S3BlobStore } from '../../../src/store/bytes/s3-blob-store.ts'
import { isUnusableStorage } from '../../../src/store/bytes/storage-error.ts'
import {
  bytesAt,
  fails,
  freshKey,
  randomBytes,
  stored,
  streamOf,
  wrongDigest,
} from '../../../src/store/bytes/suite/driver.ts'
import { recordCalls } from '../../invariants/faults.ts'

/** A store of s3-stand-in.ts. */
function standIn(bucket: string): BlobStore {
  return blobStoreOf({ ...env, S3_ENDPOINT: env.STAND_IN, S3_BUCKET: bucket })
}

/** The same, with little patience. */
function hasty(bucket: string): BlobStore {
  const settings = {
    base: `${env.STAND_IN}/${bucket}`,
    bucket,
    region: 'any',
    keyId: 'a',
    secret: 'b',
  }
  return new S3BlobStore(settings, { answerMs: 300, stallMs: 300 })
}

const CALLS: [string, (store: BlobStore) => Promise<unknown>][] = [
  ['read', (store) => store.read(freshKey())],
  ['size', (store) => store.size(freshKey())],
  ['write', (store) => store.write(freshKey(), randomBytes(10), `sha256:${'0'.repeat(64)}`)],
  ['list', (store) => store.list('any', '')],
  ['remove', (store) => store.remove([freshKey()])],
  ['beginParts', (store) => store.beginParts(freshKey())],
  ['writePart', (store) => store.writePart(freshKey(), 'id', 1, randomBytes(10))],
  ['completeParts', (store) => store.completeParts(freshKey(), 'id', [])],
  ['abortParts', (store) => store.abortParts(freshKey(), 'id')],
]

describe('a store that is configured wrongly is told in one sentence', () => {
  it.each([
    [
      'a bucket that does not exist',
      { S3_BUCKET: 'none' },
      'the S3 bucket "none" does not exist: check S3_BUCKET',
    ],
    [
      'an unknown key',
      { S3_ACCESS_KEY_ID: 'nobody' },
      'does not know the key: check S3_ACCESS_KEY_ID',
    ],
    ['a wrong secret', { S3_SECRET_ACCESS_KEY: 'wrong' }, 'check S3_SECRET_ACCESS_KEY'],
    [
      'a wrong region',
      { S3_REGION: 'us-east-1' },
      'check S3_REGION and S3_ENDPOINT, it expects "eu-test-1"',
    ],
  ])('%s', async (_, variables, sentence) => {
    const store = blobStoreOf({ ...env, ...variables })
    for (const [name, call] of CALLS) {
      const error = await fails(() => call(store), name)
      expect([name, error.message]).toEqual([name, expect.stringContaining(sentence)])
      expect(error.message).toMatch(/^the storage cannot be used: /)
      expect(isPassing(error)).toBe(false)
      expect(isUnusableStorage(error)).toBe(true)
    }
  })
})

describe('an error of S3', () => {
  it.each([
    ['403-RequestTimeTooSkewed', 'the clocks of this machine and of the S3 store differ'],
    ['403-AccessDenied', 'the key needs the rights'],
    ['301-PermanentRedirect', 'another region'],
    ['400-EntityTooLarge', 'does not take objects of this size'],
    ['507-XMinioStorageFull', 'the S3 store is full'],
    ['403-QuotaExceeded', 'the S3 store is full'],
    ['400', 'no S3 error: check S3_ENDPOINT'],
    ['404', 'no S3 error: check S3_ENDPOINT'],
  ])('%s is for the operator', async (bucket, sentence) => {
    for (const [name, call] of CALLS) {
      const error = await fails(() => call(standIn(bucket)), name)
      expect([name, error.message]).toEqual([name, expect.stringContaining(sentence)])
      expect(isUnusableStorage(error)).toBe(true)
    }
  })

  it.each([
    '503-SlowDown',
    '500-InternalError',
    '400-RequestTimeout',
    '429-TooManyRequests',
    '502',
  ])('%s passes', async (bucket) => {
    for (const [name, call] of CALLS) {
      const error = await fails(() => call(standIn(bucket)), name)
      expect([name, isPassing(error), isUnusableStorage(error)]).toEqual([name, true, false])
    }
  })

  it.each(['400-InvalidArgument', '501-NotImplemented', '412-PreconditionFailed'])(
    '%s is an error with its name',
    async (bucket) => {
      const [status = '', code = ''] = bucket.split('-')
      for (const [name, call] of CALLS) {
        const error = await fails(() => call(standIn(bucket)), name)
        expect(error.message).toContain(`with ${status} ${code}`)
      }
    },
  )

  it('in an answer of 200 is an error all the same', async () => {
    for (const [name, call] of CALLS.slice(2)) {
      const error = await fails(() => call(standIn('late-error')), name)
      expect([name, error.message]).toEqual([name, expect.stringContaining('InternalError')])
    }
  })
})

describe('a store that checks nothing', () => {
  const store = standIn('trusting')

  it.each(['sha256', 'sha512'] as const)('is read back: %s', async (algorithm) => {
    const bytes = randomBytes(100_000)
    const [right, wrong] = [await digestOf(bytes, algorithm), await wrongDigest(algorithm)]
    const write = async (key: string, digest: Digest) => [
      await store.write(key, bytes, digest),
      await store.write(key, streamOf(bytes), digest),
    ]
    const [good, bad] = [freshKey(), freshKey()]
    expect(await write(good, right)).toEqual([true, true])
    expect(await bytesAt(store, good)).toEqual(bytes)
    expect(await write(bad, wrong)).toEqual([false, false])
    expect(await store.read(bad)).toBeNull()
  })
})

it('a store that compresses is asked not to', async () => {
  const store = standIn('gzip')
  const { key, bytes } = await stored(store, 10_000)
  expect(await store.size(key)).toBe(bytes.length)
  expect(await bytesAt(store, key)).toEqual(bytes)
})

it('a store that verifies the digest is not read back', async () => {
  const bytes = randomBytes(1000)
  const digest = await digestOf(bytes)
  const calls = await recordCalls(() => blobStoreOf(env).write(freshKey(), bytes, digest))
  expect(calls).toEqual(['s3.send'])
})

describe('a store that stalls', () => {
  it('and never answers is given up after the time limit', async () => {
    for (const [name, call] of CALLS) {
      const error = await fails(() => call(hasty('silent')), name)
      expect([name, isPassing(error)]).toEqual([name, true])
    }
  })

  it.each(['stalling', 'cut'])('in the middle of an object ends the read: %s', async (bucket) => {
    const store = hasty(bucket)
    const bytes = randomBytes(100_000)
    const key = freshKey()
    // The stand-in names no checksum, so the write reads back, and fails.
    await fails(async () => store.write(key, bytes, await digestOf(bytes)), 'write')
    await fails(() => bytesAt(store, key), 'read')
  })

  it('does not end the read of a client that is slow itself', async () => {
    const store = hasty('trusting')
    const { key, bytes } = await stored(store, 3_000_000)
    const stream = await store.read(key)
    let length = 0
    for await (const chunk of stream ?? []) {
      if (length === 0) await scheduler.wait(1000)
      length += chunk.length
    }
    expect(length).toBe(bytes.length)
  })
})
