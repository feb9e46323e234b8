/**
 * Digests: `algorithm:hex`, the identifiers of content. OCI image spec, "Digests". Berth supports the two registered algorithms,
 * sha256 and sha512, with lower-case hex of the exact length.
 */
import { RegistryError } from './errors.ts'

/** The number of hex digits for each algorithm. */
const HEX_LENGTH = { sha256: 64, sha512: 128 } as const

export type Algorithm = keyof typeof HEX_LENGTH
export type Digest = `${Algorithm}:${string}`

const LOWER_HEX = /^[0-9a-f]+$/

/** Whether `name` is a supported algorithm. */
export function isAlgorithm(name: string): name is Algorithm {
  return Object.hasOwn(HEX_LENGTH, name)
}

/** Whether `input` is a digest: a supported algorithm, a colon, and the algorithm's number of lower-case hex digits. */
export function isDigest(input: string): input is Digest {
  const colon = input.indexOf(':')
  const algorithm = input.slice(0, colon)
  const hex = input.slice(colon + 1)
  return isAlgorithm(algorithm) && hex.length === HEX_LENGTH[algorithm] && LOWER_HEX.test(hex)
}

/**
 * Parses a digest that a client sent.
 * @throws {RegistryError} DIGEST_INVALID; its message describes the format
 */
export function parseDigest(input: string): Digest {
  if (isDigest(input)) return input
  throw new RegistryError('DIGEST_INVALID', {
    message: 'invalid digest: expected sha256: and 64, or sha512: and 128, lower-case hex digits',
    detail: input.slice(0, 256),
  })
}

export function algorithmOf(digest: Digest): Algorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256'
}

/** The digests of empty content. */
const NOTHING: readonly string[] = [
  'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  'sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce' +
    '47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e',
]

/** Whether this is the digest of empty content. */
export function isDigestOfNothing(digest: Digest): boolean {
  return NOTHING.includes(digest)
}

export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1)
}

/** Formats a hash (32 bytes for sha256, 64 for sha512) as a digest. */
export function formatDigest(algorithm: Algorithm, hash: ArrayBuffer | Uint8Array): Digest {
  const bytes = hash instanceof Uint8Array ? hash : new Uint8Array(hash)
  let hex = ''
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0')
  return `${algorithm}:${hex}`
}

/** WebCrypto's name for an algorithm. */
export function webCryptoName(algorithm: Algorithm): 'SHA-256' | 'SHA-512' {
  return algorithm === 'sha256' ? 'SHA-256' : 'SHA-512'
}

/** The digest of `bytes`, which must be in memory: for manifests, not for blobs. */
export async function digestOf(
  bytes: Uint8Array<ArrayBuffer>,
  algorithm: Algorithm = 'sha256',
): Promise<Digest> {
  return formatDigest(algorithm, await crypto.subtle.digest(webCryptoName(algorithm), bytes))
}

/** Whether `bytes` hash to `digest`. */
export async function verifyDigest(
  bytes: Uint8Array<ArrayBuffer>,
  digest: Digest,
): Promise<boolean> {
  return (await digestOf(bytes, algorithmOf(digest))) === digest
}
