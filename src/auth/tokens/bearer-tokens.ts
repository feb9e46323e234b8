/**
 * Bearer tokens. A token carries the whole access decision (docker/distribution, "Token Authentication Specification: JWT"). Where
 * that would exceed the header limits of clients and proxies, the token carries `ask` instead, and each request looks the rights
 * up.
 */

import type { JWTPayload } from 'jose'
import * as v from 'valibot'
import type { RepositoryPattern } from '../../lib/repository-pattern.ts'
import type { Database } from '../../store/database/database.ts'
import type { AuthSettings } from '../login/auth-settings.ts'
import { openToken, type SignedToken, signToken, type TokenPurpose } from './signed-tokens.ts'
import type { TokenAccess, VerifiedToken } from './verified-token.ts'

const CLAIMS = v.object({
  sub: v.string(),
  ses: v.optional(v.string()),
  access: v.array(
    v.strictObject({ type: v.string(), name: v.string(), actions: v.array(v.string()) }),
  ),
  visible: v.optional(v.array(v.string())),
  ask: v.optional(v.array(v.string())),
})

/** Characters. nginx uses a 4 KiB header buffer before it looks for larger ones; other servers stop at 8 KiB. */
const LENGTH_MAX = 4000

export interface TokenGrant {
  /** '' for anonymous. */
  subject: string
  /** As in Identity. */
  session?: string | null
  access: readonly TokenAccess[]
  /** Which repositories lists show; only with the right to list. */
  visible?: readonly RepositoryPattern[]
  /** Whether the subject's rights can be looked up by its name. For an ID token they cannot. */
  isKnown?: boolean
}

/** A token for these rights as they are now, valid for settings.tokenTtlSeconds. */
export async function issueToken(
  db: Database,
  settings: AuthSettings,
  grant: TokenGrant,
): Promise<SignedToken> {
  const { subject, session } = grant
  const named = { sub: subject, ...(typeof session === 'string' ? { ses: session } : {}) }
  const sign = (decision: Decision) => signToken(db, purposeOf(settings), { ...named, ...decision })
  for (const decision of decisionsOf(grant)) {
    const signed = await sign(decision)
    if (signed.token.length <= LENGTH_MAX) return signed
  }
  return sign({ access: [] })
}

type Decision = Pick<TokenGrant, 'access' | 'visible'> & { ask?: readonly string[] }

/** The encodings of what is granted, the longest first. */
function* decisionsOf({ access, visible, isKnown }: TokenGrant): Generator<Decision> {
  yield { access, ...(visible === undefined ? {} : { visible }) }
  if (isKnown) {
    if (visible !== undefined) yield { access, ask: [] }
    const lists = access.filter(({ type }) => type === 'registry')
    const rest = access.filter(({ type }) => type !== 'registry')
    yield { access: lists, ask: [...new Set(rest.flatMap(({ actions }) => actions))] }
    return
  }
  // A token with fewer rights is no error: the client requests the missing ones again.
  for (let kept = access.length; kept > 0; kept >>= 1) yield { access: access.slice(0, kept) }
}

/**
 * The token's contents; null where this registry did not issue it, or it is not valid now. The bearer does not learn why. The
 * session is checked separately (sessions.ts).
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
  const { sub: subject, ses: session, access, visible = [], ask } = output
  return {
    subject,
    ...(session === undefined ? {} : { session }),
    access,
    visible,
    ...(ask === undefined ? {} : { ask }),
  }
}

function purposeOf({ tokenService, tokenTtlSeconds }: AuthSettings): TokenPurpose {
  return {
    typ: 'JWT',
    issuer: tokenService,
    audience: tokenService,
    lifetimeSeconds: tokenTtlSeconds,
  }
}
