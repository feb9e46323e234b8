/**
 * Bearer tokens, which carry the whole decision (docker/distribution, "Token Authentication Specification: JWT"): what may be done.
 * Where that would make the token too long for the limits that clients and proxies have for headers, the request asks.
 */

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
  ask: v.optional(v.array(v.string())),
})

/** Characters. nginx takes headers of 4 KiB before it looks for larger buffers; other servers cut at 8. */
const LENGTH_MAX = 4000

export interface TokenGrant {
  /** '' for anonymous. */
  subject: string
  /** As in Identity. */
  session?: string | null
  access: readonly Access[]
  /** What lists of repositories show; only with a right to lists. */
  visible?: readonly RepositoryPattern[]
  /** Whether the subject's rights can be looked up by its name; those of an ID token cannot. */
  isKnown?: boolean
}

/** A token for these rights, as they are now; valid for settings.tokenTtlSeconds. */
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

/** The ways to say what is granted, the longest first. */
function* decisionsOf({ access, visible, isKnown }: TokenGrant): Generator<Decision> {
  yield { access, ...(visible === undefined ? {} : { visible }) }
  if (isKnown) {
    if (visible !== undefined) yield { access, ask: [] }
    const lists = access.filter(({ type }) => type === 'registry')
    const rest = access.filter(({ type }) => type !== 'registry')
    yield { access: lists, ask: [...new Set(rest.flatMap(({ actions }) => actions))] }
    return
  }
  // A token for less is no error: the client asks again for what it lacks.
  for (let kept = access.length; kept > 0; kept >>= 1) yield { access: access.slice(0, kept) }
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
