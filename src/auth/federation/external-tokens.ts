/**
 * Bearer tokens of an external token service, which this registry accepts instead of issuing its own: docker/distribution's "Token
 * Authentication Specification: JWT".
 */
import * as v from 'valibot'
import { logInfo } from '../../lib/log.ts'
import type { AuthSettings } from '../login/auth-settings.ts'
import type { TokenAccess, VerifiedToken } from '../tokens/verified-token.ts'
import { foreignTokenProblem, isFor, type Members, readUnverified } from './foreign-tokens.ts'
import { trustedKey } from './trusted-keys.ts'

/** The contents of a bearer token once everything is verified; null for every failure. No D1 query. */
export async function verifyExternalToken(
  { tokenAuth, allowLoopback }: AuthSettings,
  token: string,
): Promise<VerifiedToken | null> {
  const unverified = readUnverified(token)
  if (tokenAuth === null || unverified === null) return null
  const { claims } = unverified
  if (claims.iss !== tokenAuth.issuer || !isFor(claims, tokenAuth.service)) return null
  const problem = await foreignTokenProblem(token, unverified, {
    keyOf: (header) => trustedKey(tokenAuth, header, allowLoopback),
    algorithms: tokenAuth.algorithms,
  })
  if (problem === null) return readClaims(claims)
  logInfo({ message: 'a token of the external service was refused', reason: problem })
  return null
}

/** Go writes an empty list as null. */
const List = <T extends v.GenericSchema>(element: T) => v.nullish(v.array(element))

const Claims = v.object({
  sub: v.optional(v.string()),
  access: List(v.object({ type: v.string(), name: v.string(), actions: List(v.string()) })),
})

function readClaims(claims: Members): VerifiedToken | null {
  const result = v.safeParse(Claims, claims)
  if (!result.success) return null
  const access = (result.output.access ?? []).map(
    ({ type, name, actions }): TokenAccess => ({ type, name, actions: actions ?? [] }),
  )
  return { subject: result.output.sub ?? '', access, visible: grantsCatalog(access) ? null : [] }
}

/** Whether the token grants the list of repositories. The service has no patterns, so it shows all of them. */
function grantsCatalog(access: readonly TokenAccess[]): boolean {
  return access.some(
    ({ type, name, actions }) => type === 'registry' && name === 'catalog' && actions.includes('*'),
  )
}
