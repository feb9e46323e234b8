/**
 * Refresh tokens (RFC 6749, 6), which `docker login` stores instead of the password. They name the subject, not its rights: those
 * are looked up at each use. A new password, a revoked access token, a sign-out or a disabled account ends them for good.
 */

import * as v from 'valibot'
import { signingKey } from '../../store/access/signing-keys.ts'
import type { Database } from '../../store/database/database.ts'
import type { AuthContext, AuthSettings } from '../login/auth-settings.ts'
import type { Identity } from '../login/identity.ts'
import { identityOf } from '../login/login.ts'
import { openToken, signToken, type TokenPurpose } from './signed-tokens.ts'
import { TOKEN_LIFETIME_MAX_MS } from './token-keys.ts'

const CLAIMS = v.object({ sub: v.string(), cred: v.string(), ses: v.optional(v.string()) })

/** The session of an account that never began another one. Tokens from before sessions had numbers carry none. */
const FIRST_SESSION = /^0(?:\.|$)/

/** Null where none is issued: for anonymous, and for CI jobs, which have a fresh ID token each time. */
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

/** The current identity of the token's subject; null where the token or its credential is no longer valid. */
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

/** A keyed hash of the verifier: the bearer can read the claims, but only the registry can compute it. */
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
