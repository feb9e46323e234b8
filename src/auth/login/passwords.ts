/**
 * Passwords of accounts and their slow hash: PBKDF2, the only one in WebCrypto, with as many iterations as the runtime allows in
 * one call. A slower hash would run in JavaScript, which costs the registry more than an attacker.
 */

/** In characters. NIST SP 800-63B requires at least 8; PBKDF2 on a fast machine needs more. */
const LENGTH_MIN = 12
const LENGTH_MAX = 256

/** The maximum in Workers: https://developers.cloudflare.com/workers/runtime-apis/web-crypto/ */
const ITERATIONS = 100_000
const SALT_BYTES = 16
const HASH_BYTES = 32

interface Stored {
  iterations: number
  salt: Uint8Array<ArrayBuffer>
  hash: Uint8Array<ArrayBuffer>
}

/** A hash that no password has in practice. It replaces a missing hash, so that the check takes as long. */
const NOBODY: Stored = {
  iterations: ITERATIONS,
  salt: new Uint8Array(SALT_BYTES),
  hash: new Uint8Array(HASH_BYTES),
}

/** Whether an account may have this password: long enough, and valid in Basic credentials (RFC 7617 section 2). */
export function isPassword(text: string): boolean {
  const length = [...text].length
  const wellFormed = text.isWellFormed() && !/\p{Cc}/u.test(text)
  return wellFormed && length >= LENGTH_MIN && length <= LENGTH_MAX
}

/** `pbkdf2-sha512$<iterations>$<salt>$<hash>`, salt and hash in base64. */
export async function hashPassword(password: string): Promise<string> {
  const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES))
  const hash = await derive(password, salt, ITERATIONS)
  return `pbkdf2-sha512$${ITERATIONS}$${salt.toBase64()}$${hash.toBase64()}`
}

/** Whether `stored` is the hash of this password. For null (no password) it is always false, and takes as long. */
export async function verifyPassword(password: string, stored: string | null): Promise<boolean> {
  const parsed = stored === null ? null : parseVerifier(stored)
  const { iterations, salt, hash } = parsed ?? NOBODY
  const given = await derive(password, salt, iterations)
  // HMAC pads its key with zeros (RFC 2104): NULs after a password would not change the hash.
  return crypto.subtle.timingSafeEqual(given, hash) && parsed !== null && isPassword(password)
}

async function derive(password: string, salt: Uint8Array<ArrayBuffer>, iterations: number) {
  const bytes = new TextEncoder().encode(password)
  const key = await crypto.subtle.importKey('raw', bytes, 'PBKDF2', false, ['deriveBits'])
  const algorithm = { name: 'PBKDF2', hash: 'SHA-512', salt, iterations }
  return new Uint8Array(await crypto.subtle.deriveBits(algorithm, key, HASH_BYTES * 8))
}

function parseVerifier(stored: string): Stored | null {
  const [, iterations, salt, hash] =
    /^pbkdf2-sha512\$([1-9][0-9]{0,5})\$([A-Za-z0-9+/]{22}==)\$([A-Za-z0-9+/]{43}=)$/.exec(
      stored,
    ) ?? []
  if (iterations === undefined || salt === undefined || hash === undefined) return null
  return {
    iterations: Number(iterations),
    salt: Uint8Array.fromBase64(salt),
    hash: Uint8Array.fromBase64(hash),
  }
}
