/** Key ids in the form of docker's libtrust, which docker/distribution expects in a token's `kid`. */

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** 240 bits: the part of the hash that fills 48 characters of 5 bits. */
const ID_BYTES = 30

/**
 * The id of a public key, given as DER of its SubjectPublicKeyInfo: the first 240 bits of its SHA-256 in base32 (RFC 4648, 6),
 * in twelve groups of four characters with colons between them.
 */
export async function libtrustKeyId(spkiDer: ArrayBuffer): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', spkiDer)
  const text = base32(new Uint8Array(hash, 0, ID_BYTES))
  return text.match(/.{4}/g)?.join(':') ?? ''
}

function base32(bytes: Uint8Array): string {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('')
  return bits.replace(/.{5}/g, (group) => BASE32.charAt(Number.parseInt(group, 2)))
}
