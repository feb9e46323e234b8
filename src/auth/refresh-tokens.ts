/**
 * Refresh tokens (RFC 6749, 6), which `docker login` keeps instead of the password. They say who it was, not what it might do:
 * that is looked up when one is used. A new password, a withdrawn access token, a sign-out or a disabled account ends them for good.
 */

import * as v from 'valibot'
import type { Database } from '../store/database.ts'
import { signingKey } from '../store/signing-keys.ts'
import type { AuthContext, AuthSettings } from './auth-settings.ts'
import type { Identity } from './identity.ts'
import { identityOf } from './login.ts'
import { openToken, signToken, type TokenPurpose } from './signed-tokens.ts'
import { TOKEN_LIFETIME_MAX_MS } from './token-keys.ts'

const CLAIMS = v.object({ sub: v.string(), cred: v.string(), ses: v.optional(v.string()) })

/** Of an account that has had no other session since there are numbers: tokens from before carry none. */
const FIRST_SESSION = /^0(?:\.|$)/

/** Null for whom none is given: anonymous, and CI jobs, which have a fresh ID token each time. */
export async function issueRefreshToken(
  db: Database,
  settings: AuthSettings,
  { subject, verifier, session }: Identity,
): Promise<string | null> {
  if (verifier === null) return null
  const cred = await fingerprint(db, verifier)
  const claims = { sub: subject, cred, ...(session === null ? {} : { ses: session }) }
  const { token } = await signToken(db, purposeOf(settings), claims)
  return token
}

/** Whose token it is, as it stands now; null where the token is not valid, or its credential is not any more. */
export async function redeemRefreshToken(
  context: AuthContext,
  token: string,
): Promise<Identity | null> {
  const { db, settings } = context
  const payload = await openToken(db, purposeOf(settings), token)
  const { success, output } = v.safeParse(CLAIMS, payload)
  if (!success) return null
  const identity = await identityOf(context, output.sub)
  if (identity === null || identity.verifier === null) return null
  if (!isInSession(identity, output.ses)) return null
  return (await fingerprint(db, identity.verifier)) === output.cred ? identity : null
}

function isInSession({ session }: Identity, carried: string | undefined): boolean {
  if (session === null) return true
  return carried === undefined ? FIRST_SESSION.test(session) : carried === session
}

/** Tells one verifier from another to the registry alone: the bearer of a token can read its claims. */
async function fingerprint(db: Database, verifier: string): Promise<string> {
  const key = await signingKey(db, 'refresh')
  const mac = await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(verifier))
  return new Uint8Array(mac).toBase64({ alphabet: 'base64url', omitPadding: true })
}

function purposeOf({ tokenService }: AuthSettings): TokenPurpose {
  return {
    typ: 'refresh+jwt',
    issuer: tokenService,
    audience: `${tokenService}/refresh`,
    lifetimeSeconds: TOKEN_LIFETIME_MAX_MS / 1000,
  }
}
