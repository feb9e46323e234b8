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
  .check(z.refine((key) => !Object.hasOwn(key, 'd')))

const KeySet = z
  .object({ keys: z.array(PublicJwk).check(z.minLength(1)) })
  .check(z.refine(({ keys }) => new Set(keys.map(({ kid }) => kid)).size === keys.length))

/** Whether this machine may be asked is not known here, but when it is asked. */
const KeySetUrl = z.string().check(z.refine((url) => outboundProblem(url, true) === null))

/** What docker/distribution reads too, and nothing else: a misspelt name is not to be ignored. */
const Configuration = z.strictObject({
  realm: Quotable.check(z.regex(/^https?:\/\/./)),
  service: Quotable,
  issuer: z.string().check(z.minLength(1)),
  rootcertbundle: z.optional(z.string()),
  jwks: z.optional(z.union([KeySetUrl, KeySet])),
  signingalgorithms: z.optional(z.array(z.enum(FOREIGN_ALGORITHMS))),
})

const TAKES: Record<PropertyKey, string> = {
  realm: 'an http or https URL',
  service: 'text in ASCII without quotes',
  issuer: 'text',
  rootcertbundle: 'PEM text',
  jwks: 'the https URL of a JWK set, or a set of public keys that each have a kid of their own',
  signingalgorithms: `a list of some of ${FOREIGN_ALGORITHMS.join(', ')}`,
}

/**
 * Reads the configuration: JSON with `realm`, `service`, `issuer`, and `rootcertbundle` (PEM text) or `jwks` (an https URL, or
 * a JWK set) or both, and `signingalgorithms` where not all asymmetric ones are accepted.
 * @throws {Error} which says what it takes
 */
export function parseTokenService(json: string): TokenService {
  const { realm, service, issuer, rootcertbundle, jwks, signingalgorithms } = configuration(json)
  if (rootcertbundle === undefined && jwks === undefined) {
    throw new Error('rootcertbundle or jwks, without which no token could be verified')
  }
  const bundle = rootcertbundle === undefined ? NO_BUNDLE : parseBundle(rootcertbundle)
  return {
    realm,
    service,
    issuer,
    ...bundle,
    keySet: typeof jwks === 'object' ? jwks : null,
    keySetUrl: typeof jwks === 'string' ? jwks : null,
    algorithms: signingalgorithms?.length ? signingalgorithms : FOREIGN_ALGORITHMS,
  }
}

const NO_BUNDLE = { certificates: [], publicKeys: [] }

function configuration(json: string): z.infer<typeof Configuration> {
  const result = z.safeParse(Configuration, parseJson(json))
  if (result.success) return result.data
  const [issue] = result.error.issues
  if (issue?.code === 'unrecognized_keys') throw new Error(`no member ${issue.keys.join(', ')}`)
  const [member] = issue?.path ?? []
  throw new Error(member === undefined ? MEMBERS : `${String(member)} as ${TAKES[member]}`)
}

const MEMBERS = 'a JSON object with realm, service, issuer, and rootcertbundle or jwks'

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    throw new Error(MEMBERS)
  }
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
