/**
 * Access tokens: random secrets that scripts use as passwords. A prefix and a checksum let scanners for leaked secrets recognise a
 * real token. A random secret needs no slow hash: nobody can guess 256 bits.
 */

const PREFIX = 'berth_'
const SECRET_BYTES = 32
const FORM = /^(berth_[A-Za-z0-9_-]{43})([A-Za-z0-9]{6})$/
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** `secret` is shown once, to its owner; only `hash` is stored. */
export async function newAccessToken(): Promise<{ secret: string; hash: string }> {
  const random = crypto.getRandomValues(new Uint8Array(SECRET_BYTES))
  const body = PREFIX + random.toBase64({ alphabet: 'base64url', omitPadding: true })
  const secret = body + checksum(body)
  return { secret, hash: await hashAccessToken(secret) }
}

/** Whether the text has the form and the checksum of an access token. It does not say that the token exists. */
export function isAccessToken(text: string): boolean {
  const [, body, sum] = FORM.exec(text) ?? []
  return body !== undefined && sum === checksum(body)
}

/** SHA-256 of the whole token, in hex. */
export async function hashAccessToken(secret: string): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(secret))
  return new Uint8Array(hash).toHex()
}

/** CRC-32 as six base-62 digits, like GitHub's tokens. */
function checksum(body: string): string {
  let crc = 0xffffffff
  for (const byte of new TextEncoder().encode(body)) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  let left = (crc ^ 0xffffffff) >>> 0
  let digits = ''
  while (digits.length < 6) {
    digits = BASE62.charAt(left % 62) + digits
    left = Math.floor(left / 62)
  }
  return digits
}
