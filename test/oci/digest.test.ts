import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  algorithmOf,
  digestOf,
  formatDigest,
  hexOf,
  isDigest,
  parseDigest,
  verifyDigest,
} from '../../src/oci/digest.ts'
import { bytes, refusal, SHA256, SHA512 } from './support.ts'

// FIPS 180-4: the hashes of the empty message and of "abc".
const EMPTY_256 = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const ABC_256 = 'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
const ABC_512 =
  'sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a' +
  '2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f'

describe('digests', () => {
  it.each([SHA256, SHA512, EMPTY_256, ABC_512])('accepts %s', (digest) => {
    expect(isDigest(digest)).toBe(true)
    const parsed = parseDigest(digest)
    expect(parsed).toBe(digest)
    expect(`${algorithmOf(parsed)}:${hexOf(parsed)}`).toBe(digest)
  })

  it.each([
    '',
    ':',
    'sha256',
    'sha256:',
    'a'.repeat(64),
    SHA256.slice(0, -1),
    `${SHA256}a`,
    `${SHA256}\n`,
    ` ${SHA256}`,
    `sha256:${'A'.repeat(64)}`,
    `sha256:${'g'.repeat(64)}`,
    `SHA256:${'a'.repeat(64)}`,
    `sha256:${'a'.repeat(128)}`,
    `sha512:${'a'.repeat(64)}`,
    `sha384:${'a'.repeat(96)}`,
    `md5:${'a'.repeat(32)}`,
    `sha257:${'a'.repeat(64)}`,
    `toString:${'a'.repeat(64)}`,
    `__proto__:${'a'.repeat(64)}`,
    `sha256+b64:${'a'.repeat(64)}`,
    `tarsum.v1+sha256:${'a'.repeat(64)}`,
    `sha256:${'a'.repeat(100_000)}`,
  ])('refuses %j', (digest) => {
    expect(isDigest(digest)).toBe(false)
    refusal('DIGEST_INVALID', () => parseDigest(digest))
  })

  it('are the hashes of FIPS 180-4', async () => {
    expect(await digestOf(bytes(''))).toBe(EMPTY_256)
    expect(await digestOf(bytes('abc'))).toBe(ABC_256)
    expect(await digestOf(bytes('abc'), 'sha512')).toBe(ABC_512)
  })

  it('verify their content and nothing else', async () => {
    expect(await verifyDigest(bytes('abc'), parseDigest(ABC_256))).toBe(true)
    expect(await verifyDigest(bytes('abc'), parseDigest(ABC_512))).toBe(true)
    expect(await verifyDigest(bytes('abd'), parseDigest(ABC_256))).toBe(false)
    expect(await verifyDigest(bytes('abd'), parseDigest(ABC_512))).toBe(false)
  })

  it('are made of any 32 or 64 bytes', () => {
    const hash = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
    fc.assert(
      fc.property(hash(32), hash(64), (short, long) => {
        expect(isDigest(formatDigest('sha256', short))).toBe(true)
        expect(formatDigest('sha512', long.slice().buffer)).toBe(formatDigest('sha512', long))
      }),
    )
  })
})
