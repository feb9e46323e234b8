/** The configuration of an external token service: the `auth.token` of docker/distribution. */
import * as v from 'valibot'
import { addressProblem } from '../../lib/outgoing-address.ts'
import { plainObject } from '../../lib/schemas.ts'
import { FOREIGN_ALGORITHMS } from './foreign-tokens.ts'
import { parseBundle, type TrustedKeys } from './key-bundle.ts'

export interface TokenService extends TrustedKeys {
  /** The URL that clients are sent to for a token. */
  realm: string
  /** This registry's name there: the tokens' `aud`. */
  service: string
  /** The tokens' `iss`. */
  issuer: string
  algorithms: readonly string[]
}

/** Text that fits into a quoted string of a challenge (RFC 9110, 5.6.4) without escapes. */
const Quotable = v.pipe(v.string(), v.regex(/^[!#-[\]-~][ !#-[\]-~]*$/))

const PublicJwk = v.pipe(
  v.looseObject({ kty: v.picklist(['EC', 'RSA', 'OKP']), kid: v.pipe(v.string(), v.minLength(1)) }),
  v.check((key) => !Object.hasOwn(key, 'd')),
)

const KeySet = v.pipe(
  v.object({ keys: v.pipe(v.array(PublicJwk), v.minLength(1)) }),
  v.check(({ keys }) => new Set(keys.map(({ kid }) => kid)).size === keys.length),
)

/** The members that docker/distribution also reads. Any other is an error, so that a misspelt name is not ignored. */
const Configuration = v.pipe(
  plainObject(),
  v.strictObject({
    realm: v.pipe(Quotable, v.regex(/^https?:\/\/./)),
    service: Quotable,
    issuer: v.pipe(v.string(), v.minLength(1)),
    rootcertbundle: v.optional(v.string()),
    jwks: v.optional(v.union([v.string(), KeySet])),
    signingalgorithms: v.optional(v.array(v.picklist(FOREIGN_ALGORITHMS))),
  }),
)

const TAKES: Record<string, string> = {
  realm: 'an http or https URL',
  service: 'text in ASCII without quotes',
  issuer: 'text',
  rootcertbundle: 'PEM text',
  jwks: 'the https URL of a JWK set, or a set of public keys that each have a kid of their own',
  signingalgorithms: `a list of some of ${FOREIGN_ALGORITHMS.join(', ')}`,
}

/**
 * Parses the configuration: JSON with `realm`, `service`, `issuer`, and `rootcertbundle` (PEM text) or `jwks` (an https URL, or a
 * JWK set) or both; optionally `signingalgorithms`, by default all asymmetric ones.
 * `allowLoopback`: whether the URL may name this machine, and use http.
 * @throws {Error} that says what is expected
 */
export function parseTokenService(json: string, allowLoopback: boolean): TokenService {
  const { realm, service, issuer, rootcertbundle, jwks, signingalgorithms } = configuration(json)
  if (rootcertbundle === undefined && jwks === undefined) {
    throw new Error('rootcertbundle or jwks, without which no token could be verified')
  }
  const problem = typeof jwks === 'string' ? addressProblem(jwks, { allowLoopback }) : null
  if (problem !== null) throw new Error(`jwks as ${TAKES.jwks}: ${problem}`)
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

function configuration(json: string): v.InferOutput<typeof Configuration> {
  const result = v.safeParse(Configuration, parseJson(json))
  if (result.success) return result.output
  const [issue] = result.issues
  const member = issue.path?.[0].key
  if (typeof member !== 'string') throw new Error(MEMBERS)
  if (!Object.hasOwn(TAKES, member)) throw new Error(`no member ${member}`)
  throw new Error(`${member} as ${TAKES[member]}`)
}

const MEMBERS = 'a JSON object with realm, service, issuer, and rootcertbundle or jwks'

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    throw new Error(MEMBERS)
  }
}
