/** Bearer tokens, which carry the whole decision (docker/distribution, "Token Authentication Specification: JWT"): what may be done. */

import type { JWTPayload } from 'jose'
import * as v from 'valibot'
import type { RepositoryPattern } from '../lib/repository-pattern.ts'
import type { Database } from '../store/database.ts'
import type { AuthSettings } from './auth-settings.ts'
import { openToken, type SignedToken, signToken, type TokenPurpose } from './signed-tokens.ts'
import type { Access, VerifiedToken } from './verified-token.ts'

const CLAIMS = v.object({
  sub: v.string(),
  ses: v.optional(v.string()),
  access: v.array(
    v.strictObject({ type: v.string(), name: v.string(), actions: v.array(v.string()) }),
  ),
  visible: v.optional(v.array(v.string())),
})

export interface TokenGrant {
  /** '' for anonymous. */
  subject: string
  /** As in Identity. */
  session?: string | null
  access: readonly Access[]
  /** What lists of repositories show; only with a right to lists. */
  visible?: readonly RepositoryPattern[]
}

/** A token for these rights, as they are now; valid for settings.tokenTtlSeconds. */
export function issueToken(
  db: Database,
  settings: AuthSettings,
  { subject, session, access, visible }: TokenGrant,
): Promise<SignedToken> {
  const claims = {
    sub: subject,
    ...(typeof session === 'string' ? { ses: session } : {}),
    access,
    ...(visible === undefined ? {} : { visible }),
  }
  return signToken(db, purposeOf(settings), claims)
}

/**
 * What the token says; null where it is not one of this registry's, or not valid now. It is not told why. Whether its session goes
 * on is another question.
 */
export async function verifyToken(
  db: Database,
  settings: AuthSettings,
  token: string,
): Promise<VerifiedToken | null> {
  const payload = await openToken(db, purposeOf(settings), token)
  return payload === null ? null : readClaims(payload)
}

function readClaims(payload: JWTPayload): VerifiedToken | null {
  const { success, output } = v.safeParse(CLAIMS, payload)
  if (!success) return null
  const { sub: subject, ses: session, access, visible = [] } = output
  return { subject, ...(session === undefined ? {} : { session }), access, visible }
}

function purposeOf({ tokenService, tokenTtlSeconds }: AuthSettings): TokenPurpose {
  return {
    typ: 'JWT',
    issuer: tokenService,
    audience: tokenService,
    lifetimeSeconds: tokenTtlSeconds,
  }
}
