/** JWTs made by hand, so that anything can be wrong with them: with the registry's own key, another one, or none. */

import { listTokenKeys } from '../../src/store/access/token-keys.ts'
import type { Database } from '../../src/store/database/database.ts'

const P256 = { name: 'ECDSA', namedCurve: 'P-256' }
const ES256 = { name: 'ECDSA', hash: 'SHA-256' }

export type Bytes = Uint8Array<ArrayBuffer>
/** An object, or what stands there instead of JSON. */
export type Part = object | string | Bytes

export function utf8(text: string): Bytes {
  return Uint8Array.from(new TextEncoder().encode(text))
}

export function base64url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: 'base64url', omitPadding: true })
}

export function fromBase64url(text: string): Bytes {
  return Uint8Array.fromBase64(text, { alphabet: 'base64url' })
}

export function bytesOf(part: Part): Bytes {
  if (part instanceof Uint8Array) return Uint8Array.from(part)
  return utf8(typeof part === 'string' ? part : JSON.stringify(part))
}

export function signingInput(header: Part, claims: Part): string {
  return `${base64url(bytesOf(header))}.${base64url(bytesOf(claims))}`
}

/** A pair of keys with its id, as the registry or a forger has it. */
export interface Forger {
  kid: string
  signing: CryptoKey
  publicJwk: JsonWebKey
  /** SubjectPublicKeyInfo, DER. */
  spki: Bytes
}

async function forgerOf(kid: string, privateJwk: JsonWebKey): Promise<Forger> {
  const { d: _, key_ops: _operations, ...publicJwk } = privateJwk
  const signing = await crypto.subtle.importKey('jwk', privateJwk, P256, false, ['sign'])
  const verifying = await crypto.subtle.importKey('jwk', publicJwk, P256, true, ['verify'])
  const spki = await crypto.subtle.exportKey('spki', verifying)
  if (!(spki instanceof ArrayBuffer)) throw new Error('no SubjectPublicKeyInfo')
  return { kid, signing, publicJwk, spki: new Uint8Array(spki) }
}

/** The registry itself, which has to have a key already. */
export async function registryForger(db: Database): Promise<Forger> {
  const [key] = await listTokenKeys(db)
  if (key === undefined) throw new Error('the registry has no key yet')
  return forgerOf(key.kid, JSON.parse(key.jwk))
}

/** Somebody with a key of their own. */
export async function strangerForger(kid: string): Promise<Forger> {
  const pair = await crypto.subtle.generateKey(P256, true, ['sign', 'verify'])
  if (!('privateKey' in pair)) throw new Error('no pair of keys')
  const jwk = await crypto.subtle.exportKey('jwk', pair.privateKey)
  if (jwk instanceof ArrayBuffer) throw new Error('no JWK')
  return forgerOf(kid, jwk)
}

export async function es256({ signing }: Forger, input: string): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign(ES256, signing, utf8(input)))
}

/** The compact serialization (RFC 7515, 7.1) of these, signed as they are. */
export async function signed(forger: Forger, header: Part, claims: Part): Promise<string> {
  const input = signingInput(header, claims)
  return `${input}.${base64url(await es256(forger, input))}`
}

export async function hmacSigned(
  bits: '256' | '384' | '512',
  secret: Bytes,
  header: Part,
  claims: Part,
): Promise<string> {
  const input = signingInput(header, claims)
  const algorithm = { name: 'HMAC', hash: `SHA-${bits}` }
  const key = await crypto.subtle.importKey('raw', secret, algorithm, false, ['sign'])
  const mac = await crypto.subtle.sign('HMAC', key, utf8(input))
  return `${input}.${base64url(new Uint8Array(mac))}`
}

/** ASN.1 DER of a raw signature (r and s one after the other), as OpenSSL writes it. */
export function derSignature(raw: Bytes): Bytes {
  const integer = (bytes: Uint8Array) => {
    const start = bytes.findIndex((byte) => byte !== 0)
    const digits = [...bytes.subarray(start)]
    const value = (digits[0] ?? 0) >= 0x80 ? [0, ...digits] : digits
    return [0x02, value.length, ...value]
  }
  const body = [...integer(raw.subarray(0, 32)), ...integer(raw.subarray(32))]
  return Uint8Array.from([0x30, body.length, ...body])
}
