/**
 * Bearer tokens of an external token service, which this registry then trusts instead of giving out its own: the `auth.token`
 * of docker/distribution, and its "Token Authentication Specification: JWT".
 */
import * as z from 'zod/mini'
import { logInfo } from '../lib/log.ts'
import { outboundProblem } from '../lib/outbound.ts'
import type { AuthSettings } from './auth-settings.ts'
import {
  FOREIGN_ALGORITHMS,
  foreignTokenProblem,
  isFor,
  type Members,
  readUnverified,
} from './foreign-tokens.ts'
import { parseBundle, type TrustedKeys, trustedKey } from './trusted-keys.ts'
import type { Access, VerifiedToken } from './verified-token.ts'

export interface TokenService extends TrustedKeys {
  /** The URL that clients are sent to for a token. */
  realm: string
  /** This registry's name there: the tokens' `aud`. */
  service: string
  /** The tokens' `iss`. */
  issuer: string
  algorithms: readonly string[]
}

/** Fits a quoted string of a challenge (RFC 9110, 5.6.4) without an escape. */
const Quotable = z.string().check(z.regex(/^[!#-[\]-~][ !#-[\]-~]*$/))

const PublicJwk = z
  .looseObject({ kty: z.enum(['EC', 'RSA', 'OKP']), kid: z.string().check(z.minLength(1)) })
  .check(z.refine((key) => !Object.hasOwn(key, 'd'), 'has a private key in it'))

/** Keys of configuration that docker/distribution reads too, and no others: a misspelt one is not to be ignored. */
const Configuration = z.strictObject({
  realm: Quotable.check(z.regex(/^https?:\/\//, 'takes an http or https URL')),
  service: Quotable,
  issuer: z.string().check(z.minLength(1)),
  rootcertbundle: z.optional(z.string()),
  jwks: z.optional(z.union([z.string(), z.object({ keys: z.array(PublicJwk) })])),
  signingalgorithms: z.optional(
    z.array(
      z.string().check(
        z.refine((name) => FOREIGN_ALGORITHMS.includes(name), {
          error: `takes some of ${FOREIGN_ALGORITHMS.join(', ')}`,
        }),
      ),
    ),
  ),
})

/**
 * Reads the configuration: JSON with `realm`, `service`, `issuer`, and `rootcertbundle` (PEM text) or `jwks` (an https URL, or
 * a JWK set) or both, and `signingalgorithms` where not all asymmetric ones are accepted.
 * @throws {Error} which says what it takes
 */
export function parseTokenService(json: string): TokenService {
  const { realm, service, issuer, rootcertbundle, jwks, signingalgorithms } = configuration(json)
  if (rootcertbundle === undefined && jwks === undefined) {
    throw new Error('rootcertbundle or jwks: without either, no token could be verified')
  }
  const keySetUrl = typeof jwks === 'string' ? jwks : null
  // Whether this machine may be asked is known when it is.
  const problem = keySetUrl === null ? null : outboundProblem(keySetUrl, true)
  if (problem !== null) throw new Error(`jwks, the URL of a JWK set or the set itself: ${problem}`)
  const keySet = typeof jwks === 'object' ? jwks : null
  if (keySet !== null) checkKeySet(keySet.keys.map(({ kid }) => kid))
  const given = signingalgorithms?.length ? signingalgorithms : FOREIGN_ALGORITHMS
  const bundle = rootcertbundle === undefined ? NO_BUNDLE : parseBundle(rootcertbundle)
  return { realm, service, issuer, ...bundle, keySet, keySetUrl, algorithms: given }
}

const NO_BUNDLE = { certificates: [], publicKeys: [] }

function configuration(json: string): z.infer<typeof Configuration> {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    throw new Error('a JSON object with realm, service, issuer, and rootcertbundle or jwks')
  }
  const result = z.safeParse(Configuration, value)
  if (result.success) return result.data
  throw new Error(z.prettifyError(result.error).replaceAll('\n', ' '))
}

function checkKeySet(kids: readonly string[]): void {
  if (kids.length === 0) throw new Error('jwks has no keys')
  if (new Set(kids).size < kids.length) throw new Error('jwks has two keys of one kid')
}

/** What a bearer token says, once all of it is proved; null for every failure. No D1 query. */
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
const List = <T extends z.ZodMiniType>(element: T) => z.nullish(z.array(element))

const Claims = z.object({
  sub: z.optional(z.string()),
  access: List(z.object({ type: z.string(), name: z.string(), actions: List(z.string()) })),
})

function readClaims(claims: Members): VerifiedToken | null {
  const result = z.safeParse(Claims, claims)
  if (!result.success) return null
  const access = (result.data.access ?? []).map(
    ({ type, name, actions }): Access => ({ type, name, actions: actions ?? [] }),
  )
  return { subject: result.data.sub ?? '', access, visible: grantsCatalog(access) ? null : [] }
}

/** The service granted the list of repositories as a whole: it knows no patterns. */
function grantsCatalog(access: readonly Access[]): boolean {
  return access.some(
    ({ type, name, actions }) => type === 'registry' && name === 'catalog' && actions.includes('*'),
  )
}
