/** Tokens signed by others: they are parsed strictly, and only an asymmetric signature is accepted. */
import { type CryptoKey, type JWTHeaderParameters, jwtVerify } from 'jose'
import type { Json } from '../../oci/errors.ts'
import { parseStrictJson } from '../../oci/json.ts'

/** Never `none`, and never HMAC: its key could be a public key, which everybody can read (RFC 8725, 3.1 and 3.2). */
export const FOREIGN_ALGORITHMS = [
  'ES256',
  'ES384',
  'ES512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'EdDSA',
  'Ed25519',
] as const

/** How far the clocks of two machines may differ. */
const LEEWAY_SECONDS = 30

/** Leaves room for a chain of certificates in the header. */
const TOKEN_CHARACTERS = 32 * 1024

export type Members = Readonly<Record<string, Json>>

export interface UnverifiedToken {
  header: Members
  claims: Members
}

/**
 * The parts of a JWT in compact form (RFC 7519, 7.2), none of them verified yet; null for text that is not a JWT, or that different
 * parsers would read differently.
 */
export function readUnverified(token: string): UnverifiedToken | null {
  if (token.length > TOKEN_CHARACTERS) return null
  const [header, claims, signature, ...more] = token.split('.')
  if (header === undefined || claims === undefined || !signature || more.length > 0) return null
  try {
    return { header: membersOf(header), claims: membersOf(claims) }
  } catch {
    return null
  }
}

/** @throws where the part is not base64url of an object in strict JSON */
function membersOf(part: string): Members {
  const value = parseStrictJson(Uint8Array.fromBase64(part, { alphabet: 'base64url' }))
  if (!isMembers(value)) throw new Error('not an object')
  return value
}

function isMembers(value: Json): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export interface Verification {
  /** The key that must have made the signature. Throws where no trusted key fits. */
  keyOf(header: JWTHeaderParameters): Promise<CryptoKey>
  algorithms: readonly string[]
  /** Refuses tokens without `iat`, and tokens issued longer ago than this. */
  maxAgeSeconds?: number
}

/** Checks type, signature and times. @returns what is wrong, for the log; null for a good token */
export async function foreignTokenProblem(
  token: string,
  { header, claims }: UnverifiedToken,
  { keyOf, algorithms, maxAgeSeconds }: Verification,
): Promise<string | null> {
  // Explicit typing (RFC 8725, 3.11): the same issuer also signs access tokens, logout tokens and others.
  if (header.typ !== undefined && !isPlainType(header.typ)) return 'the type is not JWT'
  // 1e999 is a valid JSON number, and parses to Infinity.
  if (!Number.isFinite(claims.exp)) return 'it has no expiry'
  try {
    await jwtVerify(token, keyOf, {
      algorithms: [...algorithms],
      clockTolerance: LEEWAY_SECONDS,
      ...(maxAgeSeconds !== undefined && { maxTokenAge: maxAgeSeconds }),
    })
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function isPlainType(typ: Json): boolean {
  return typeof typ === 'string' && /^(?:application\/)?jwt$/i.test(typ)
}

/** Whether `aud` names the audience, alone or among others (RFC 7519, 4.1.3). */
export function isFor(claims: Members, audience: string): boolean {
  const named = Array.isArray(claims.aud) ? claims.aud : [claims.aud]
  return named.includes(audience)
}
