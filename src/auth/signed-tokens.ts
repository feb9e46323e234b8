/**
 * JWTs of the registry's own (RFC 7519): how they are signed, and what is checked of one that comes back. Beyond what jose
 * checks, a token has to be written in the one way in which the registry writes it: two programs that read the same token
 * differently are an attack.
 */

import { errors, type JWTHeaderParameters, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import * as v from 'valibot'
import { integer } from '../lib/schemas.ts'
import { RegistryError } from '../oci/errors.ts'
import { parseStrictJson } from '../oci/json.ts'
import type { Database } from '../store/database.ts'
import { currentKey, verificationKey } from './token-keys.ts'

/** RFC 7518, 3.4: the only algorithm, whatever a token says of itself. */
const ALGORITHM = 'ES256'

/** How much clocks may differ. */
const LEEWAY_SECONDS = 30

/** Characters; a token with more comes through no HTTP server's limit for headers. */
const TOKEN_LIMIT = 65_536

const HEADER = v.strictObject({ alg: v.string(), typ: v.string(), kid: v.string() })

/** None of these may be missing, and `aud` may not be a list (RFC 7519, 4.1.3): a token is for one thing. */
const CLAIMS = v.looseObject({
  aud: v.string(),
  jti: v.string(),
  iat: integer,
  nbf: integer,
  exp: integer,
})

/** What tokens of one purpose have in common; one of them is of no use for another. */
export interface TokenPurpose {
  /** The header's `typ` (RFC 8725, 3.11). */
  typ: 'JWT' | 'refresh+jwt'
  issuer: string
  audience: string
  lifetimeSeconds: number
}

export interface SignedToken {
  token: string
  /** Seconds. */
  expiresIn: number
  issuedAt: Date
}

/** Signs the claims, with iss, aud, iat, nbf, exp and jti. */
export async function signToken(
  db: Database,
  { typ, issuer, audience, lifetimeSeconds }: TokenPurpose,
  claims: JWTPayload & { sub: string },
): Promise<SignedToken> {
  const { kid, signing } = await currentKey(db)
  const now = Math.floor(Date.now() / 1000)
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: ALGORITHM, typ, kid })
    .setIssuer(issuer)
    .setAudience(audience)
    .setIssuedAt(now)
    .setNotBefore(now)
    .setExpirationTime(now + lifetimeSeconds)
    .setJti(crypto.randomUUID())
    .sign(signing)
  return { token, expiresIn: lifetimeSeconds, issuedAt: new Date(now * 1000) }
}

/** The claims of a token of this purpose; those that are its own are still to be read. Null where it is not valid. */
export async function openToken(
  db: Database,
  { typ, issuer, audience, lifetimeSeconds }: TokenPurpose,
  token: string,
): Promise<JWTPayload | null> {
  if (token.length > TOKEN_LIMIT || !isCanonical(token)) return null
  try {
    const { payload } = await jwtVerify(
      token,
      (header) => keyOf(db, header, typ, lifetimeSeconds),
      {
        algorithms: [ALGORITHM],
        issuer,
        audience,
        clockTolerance: LEEWAY_SECONDS,
      },
    )
    return v.safeParse(CLAIMS, payload).success ? payload : null
  } catch (error) {
    // What is not jose's is no fault of the token: D1 could not be asked.
    if (error instanceof errors.JOSEError) return null
    throw error
  }
}

/**
 * The key that the header names, the only thing that it decides. A token that brings a key along, or says where to find one
 * (jwk, jku, x5c, x5u), is none of the registry's.
 */
async function keyOf(
  db: Database,
  header: JWTHeaderParameters,
  typ: TokenPurpose['typ'],
  lifetimeSeconds: number,
): Promise<CryptoKey> {
  const { success, output } = v.safeParse(HEADER, header)
  if (!success || output.typ !== typ) throw new errors.JWTInvalid('not a header of this registry')
  const key = await verificationKey(db, output.kid, lifetimeSeconds * 1000)
  if (key === null) throw new errors.JWKSNoMatchingKey()
  return key.verifying
}

/** Whether header and claims are JSON that reads only one way, and all three parts base64url that is written only one way. */
function isCanonical(token: string): boolean {
  const [header, claims, signature] = token.split('.').map(decode)
  if (!header || !claims || !signature) return false
  try {
    parseStrictJson(header)
    parseStrictJson(claims)
    return true
  } catch (error) {
    if (error instanceof RegistryError) return false
    throw error
  }
}

/** RFC 7515, 2: no padding, no white space; and no bits that would be dropped. */
function decode(part: string): Uint8Array | null {
  try {
    const bytes = Uint8Array.fromBase64(part, { alphabet: 'base64url' })
    const isExact = bytes.toBase64({ alphabet: 'base64url', omitPadding: true }) === part
    return isExact ? bytes : null
  } catch {
    return null
  }
}
