/**
 * The registry's own JWTs (RFC 7519): how they are signed and verified. Besides jose's checks, a token must have the exact encoding
 * that the registry writes: two programs that read the same token differently enable attacks.
 */

import { errors, type JWTHeaderParameters, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import * as v from 'valibot'
import { integer } from '../../lib/schemas.ts'
import { RegistryError } from '../../oci/errors.ts'
import { parseStrictJson } from '../../oci/json.ts'
import type { Database } from '../../store/database/database.ts'
import { currentKey, verificationKey } from './token-keys.ts'

/** RFC 7518, 3.4: the only accepted algorithm, whatever the token's header says. */
const ALGORITHM = 'ES256'

/** How far clocks may differ. */
const LEEWAY_SECONDS = 30

/** Characters. No HTTP server accepts longer headers. */
const TOKEN_LIMIT = 65_536

const HEADER = v.strictObject({ alg: v.string(), typ: v.string(), kid: v.string() })

/** All are required, and `aud` may not be a list (RFC 7519, 4.1.3): a token has one purpose. */
const CLAIMS = v.looseObject({
  aud: v.string(),
  jti: v.string(),
  iat: integer,
  nbf: integer,
  exp: integer,
})

/** The properties that all tokens of one purpose share. A token is invalid for any other purpose. */
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

/** The claims of a token of this purpose; the caller checks the purpose's other claims. Null where the token is not valid. */
export async function openToken(
  db: Database,
  { typ, issuer, audience, lifetimeSeconds }: TokenPurpose,
  token: string,
): Promise<JWTPayload | null> {
  if (token.length > TOKEN_LIMIT || !isCanonical(token)) return null
  try {
    const { payload } = await jwtVerify(
      token,
      (header) => signingKeyOf(db, header, typ, lifetimeSeconds),
      {
        algorithms: [ALGORITHM],
        issuer,
        audience,
        clockTolerance: LEEWAY_SECONDS,
      },
    )
    return v.safeParse(CLAIMS, payload).success ? payload : null
  } catch (error) {
    // Other errors are not the token's fault: D1 failed.
    if (error instanceof errors.JOSEError) return null
    throw error
  }
}

/**
 * The key that the header names; the header decides nothing else. A token that brings a key, or says where to find one (jwk, jku,
 * x5c, x5u), is not from this registry.
 */
async function signingKeyOf(
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

/** Whether header and claims are unambiguous JSON, and all three parts are canonical base64url. */
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
