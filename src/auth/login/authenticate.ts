/** From the Authorization header to the caller: the one place where a request proves who sent it. */

import { verifyExternalToken } from '../federation/external-tokens.ts'
import { verifyToken } from '../tokens/bearer-tokens.ts'
import type { AuthContext } from './auth-settings.ts'
import { parseBasic } from './basic.ts'
import { ANYBODY, type Caller, callerByIdentity, callerByToken } from './caller.ts'
import { anonymousIdentity, identityOf, login, requireCredentials } from './login.ts'
import { isCurrent } from './sessions.ts'

/** The caller; or that the request had no credentials, or an invalid bearer token. */
export type Authentication = Caller | 'no credentials' | 'invalid token'

/**
 * @throws {RegistryError} UNAUTHORIZED without a challenge for wrong credentials, TOOMANYREQUESTS after too many of them,
 * UNAVAILABLE where no credential is configured
 */
export async function authenticate(
  authorization: string | null,
  context: AuthContext,
): Promise<Authentication> {
  if (context.settings.openAccess) return ANYBODY
  await requireCredentials(context)
  const token = parseBearer(authorization)
  if (token !== null) return byToken(token, context)
  const credentials = parseBasic(authorization)
  // The conformance suite sends Basic with an empty user where it has none.
  if (credentials === null || credentials.user === '') return 'no credentials'
  return callerByIdentity(await login(context, credentials), 'basic')
}

async function byToken(token: string, context: AuthContext): Promise<Authentication> {
  const { db, settings } = context
  const verified =
    settings.tokenAuth === null
      ? await verifyToken(db, settings, token)
      : await verifyExternalToken(settings, token)
  if (verified === null) return 'invalid token'
  const { subject, session, ask } = verified
  if (ask !== undefined) {
    const identity =
      subject === '' ? await anonymousIdentity(db) : await identityOf(context, subject)
    const isOver = identity === null || identity.session !== (session ?? null)
    return isOver ? 'invalid token' : callerByToken(verified, identity.rights)
  }
  const isOver = session !== undefined && !(await isCurrent(db, subject, session))
  return isOver ? 'invalid token' : callerByToken(verified, null)
}

/** RFC 6750, 2.1: the scheme in any case, one space, the token. */
function parseBearer(authorization: string | null): string | null {
  return /^bearer ([^ ]+)$/i.exec(authorization ?? '')?.[1] ?? null
}
