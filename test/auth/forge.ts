/** Signs tokens of every kind, good and bad: header and claims may be objects, or text that no library would write. */
import { type KeyKind, newParty } from './certificates.ts'

/** A key that signs, under the name it is published by. */
export interface Signer {
  kid: string
  alg: string
  keys: CryptoKeyPair
}

const KINDS: Record<string, KeyKind> = {
  ES256: 'P-256',
  ES384: 'P-384',
  ES512: 'P-521',
  RS256: 'RSA',
  PS256: 'RSA',
  EdDSA: 'Ed25519',
}

export async function newSigner(kid: string, alg = 'ES256'): Promise<Signer> {
  const { keys } = await newParty(kid, KINDS[alg])
  return { kid, alg, keys: alg === 'PS256' ? await asPss(keys) : keys }
}

/** The same key for RSASSA-PSS. */
async function asPss({ publicKey, privateKey }: CryptoKeyPair): Promise<CryptoKeyPair> {
  const imported = (key: JsonWebKey | ArrayBuffer, usage: 'sign' | 'verify') => {
    if (key instanceof ArrayBuffer) throw new Error('not a JWK')
    const { alg: _alg, key_ops: _ops, ...jwk } = key
    return crypto.subtle.importKey('jwk', jwk, { name: 'RSA-PSS', hash: 'SHA-256' }, true, [usage])
  }
  return {
    publicKey: await imported(await crypto.subtle.exportKey('jwk', publicKey), 'verify'),
    privateKey: await imported(await crypto.subtle.exportKey('jwk', privateKey), 'sign'),
  }
}

/** As it stands in a JWK set. */
export async function publicJwk({ kid, alg, keys }: Signer): Promise<Record<string, unknown>> {
  const jwk = await crypto.subtle.exportKey('jwk', keys.publicKey)
  if (jwk instanceof ArrayBuffer) throw new Error('not a JWK')
  const { kty, crv, n, e, x, y } = jwk
  const members = Object.entries({ kty, crv, n, e, x, y, kid, alg, use: 'sig' })
  return Object.fromEntries(members.filter(([, value]) => value !== undefined))
}

/** A header or claims. */
export type Part = string | Record<string, unknown>

/** A JWT in compact form, signed by `signer` whatever its header says; null signs with nothing. */
export async function forge(header: Part, claims: Part, signer: Signer | null): Promise<string> {
  const input = `${encoded(header)}.${encoded(claims)}`
  if (signer === null) return `${input}.`
  const { name } = signer.keys.privateKey.algorithm
  const hash = `SHA-${/\d+$/.exec(signer.alg)?.[0] ?? '256'}`
  const parameters = { name, hash, saltLength: 32 }
  return `${input}.${base64url(await crypto.subtle.sign(parameters, signer.keys.privateKey, bytes(input)))}`
}

/** A JWT with an HMAC under a key that is no secret. */
export async function forgeHmac(header: Part, claims: Part, secret: Uint8Array): Promise<string> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', Uint8Array.from(secret), algorithm, false, [
    'sign',
  ])
  const input = `${encoded(header)}.${encoded(claims)}`
  return `${input}.${base64url(await crypto.subtle.sign('HMAC', key, bytes(input)))}`
}

/** JSON with a member that stands there a second time, at the end. */
export function withMember(object: Record<string, unknown>, name: string, value: unknown): string {
  return `${JSON.stringify(object).slice(0, -1)},${JSON.stringify(name)}:${JSON.stringify(value)}}`
}

export function secondsFromNow(seconds: number): number {
  return Math.floor(Date.now() / 1000) + seconds
}

function encoded(part: Part): string {
  return base64url(bytes(typeof part === 'string' ? part : JSON.stringify(part)))
}

export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(new TextEncoder().encode(text))
}

export function base64url(data: ArrayBuffer | Uint8Array): string {
  const text = btoa(String.fromCharCode(...new Uint8Array(data)))
  return text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}
