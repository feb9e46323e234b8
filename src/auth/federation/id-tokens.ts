/**
 * OIDC ID tokens as credentials, so that a CI job needs no stored secret. The issuer says who the job is; the trust rules that it
 * meets say what it may do (OpenID Connect Core 1.0, 3.1.3.7).
 */
import { logInfo } from '../../lib/log.ts'
import { RegistryError } from '../../oci/errors.ts'
import { rulesOfIssuer, type TrustRule } from '../../store/access/issuer-rules.ts'
import type { AuthContext } from '../login/auth-settings.ts'
import type { Identity } from '../login/identity.ts'
import { Rights } from '../login/rights.ts'
import { meetsConditions, parseConditions } from './claim-conditions.ts'
import {
  FOREIGN_ALGORITHMS,
  foreignTokenProblem,
  isFor,
  type Members,
  readUnverified,
} from './foreign-tokens.ts'
import { issuerKeys } from './issuer-keys.ts'

/** An ID token is issued for one job, and no job runs longer. */
const MAX_AGE_SECONDS = 24 * 60 * 60

/** The length limit of OpenID Connect Core 1.0, 2, and only characters that cannot confuse the reader of a log. */
const SUBJECT = /^[^\p{C}\p{Zl}\p{Zp}]{1,255}$/u

/**
 * The identity of an ID token's bearer: the grants of every trust rule that the token meets, and those of anonymous. One D1 query.
 * The issuer is contacted only where a rule names it, and the isolate caches its keys.
 * @throws {RegistryError} UNAUTHORIZED, which does not say why; the log does
 */
export async function identityOfIdToken(
  { db, settings }: AuthContext,
  idToken: string,
): Promise<Identity> {
  const token = readUnverified(idToken)
  const issuer = token?.claims.iss
  if (token === null || typeof issuer !== 'string') throw tokenRefusal('not a JWT with an issuer')
  const { rules, anonymous } = await rulesOfIssuer(db, issuer)
  if (rules.length === 0) throw tokenRefusal('no trust rule names its issuer', issuer)

  const keys = issuerKeys(issuer, settings.allowLoopback)
  const problem = await foreignTokenProblem(idToken, token, {
    keyOf: (header) => keys.keyOf(header),
    algorithms: FOREIGN_ALGORITHMS,
    maxAgeSeconds: MAX_AGE_SECONDS,
  })
  if (problem !== null) throw tokenRefusal(problem, issuer)

  const { sub } = token.claims
  if (typeof sub !== 'string' || !SUBJECT.test(sub)) throw tokenRefusal('no usable subject', issuer)
  const met = rules.filter((rule) => isMet(rule, token.claims))
  if (met.length === 0) throw tokenRefusal('no trust rule is met', issuer, sub)
  return {
    kind: 'trust',
    subject: subjectOf(issuer, sub),
    rights: new Rights([...met.flatMap(({ grants }) => grants), ...anonymous]),
    verifier: null,
    session: null,
  }
}

/** Includes the issuer's path: some hosts have many issuers, each with its own names (Keycloak's realms). */
export function subjectOf(issuer: string, sub: string): string {
  const { host, pathname } = new URL(issuer)
  return `oidc:${host}${pathname.replace(/\/$/, '')}:${sub}`
}

function isMet(rule: TrustRule, claims: Members): boolean {
  const conditions = parseConditions(rule.claims)
  return isFor(claims, rule.audience) && conditions !== null && meetsConditions(claims, conditions)
}

/** The reason goes to the log only: it would reveal the rules to a stranger. */
function tokenRefusal(reason: string, issuer = '', subject = ''): RegistryError {
  const shown = { issuer: issuer.slice(0, 255), subject: subject.slice(0, 255) }
  logInfo({ message: 'an ID token was refused', reason, ...shown })
  return new RegistryError('UNAUTHORIZED', { message: 'the ID token was not accepted' })
}
