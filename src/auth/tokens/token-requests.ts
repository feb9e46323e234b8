/**
 * The client's request to the token endpoint: a query (docker/distribution, "Token Authentication Specification") or a form (its
 * "OAuth2 Token Authentication"; RFC 6749, 4.3 and 6; RFC 8693, 2.1).
 */
import { type OAuthErrorCode, RegistryError } from '../../oci/errors.ts'
import { parseBasic } from '../login/basic.ts'
import { parseScopes, type Scope } from './scopes.ts'

/** How the client authenticates. */
export type Proof =
  | { kind: 'nothing' }
  | { kind: 'password'; user: string; password: string }
  | { kind: 'refresh token'; token: string }
  | { kind: 'ID token'; token: string }

export interface TokenRequest {
  proof: Proof
  scopes: readonly Scope[]
  /** The service that the token is for; null where the client does not say. */
  service: string | null
  /** Whether the client also requests a refresh token. */
  offline: boolean
  grantType: GrantType | null
}

const GRANT_TYPES = [
  'password',
  'refresh_token',
  'urn:ietf:params:oauth:grant-type:token-exchange',
] as const
type GrantType = (typeof GRANT_TYPES)[number]

const TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:'
const ID_TOKEN_TYPES = [`${TOKEN_TYPE}id_token`, `${TOKEN_TYPE}jwt`]
export const ACCESS_TOKEN_TYPE = `${TOKEN_TYPE}access_token`

/** The user name that marks the password as an ID token, for clients that only support names and passwords. */
const ID_TOKEN_USER = 'oidc'

/** @throws {RegistryError} UNAUTHORIZED without its challenge, for a header that is not Basic */
export function parseTokenQuery(
  query: URLSearchParams,
  authorization: string | null,
): TokenRequest {
  return {
    proof: proofOfHeader(authorization),
    scopes: parseScopes(query.getAll('scope')),
    service: query.get('service') || null,
    offline: query.get('offline_token') === 'true',
    grantType: null,
  }
}

/** @throws {RegistryError} with status 400 and the error code of RFC 6749, 5.2 */
export function parseTokenForm(form: URLSearchParams): TokenRequest {
  const repeated = [...form.keys()].find((name) => name !== 'scope' && form.getAll(name).length > 1)
  if (repeated !== undefined) throw badRequest('a parameter is repeated')
  const grantType = parseGrantType(form.get('grant_type'))
  return {
    proof: proofOfForm(form, grantType),
    scopes: parseScopes(form.getAll('scope')),
    service: form.get('service') || form.get('audience') || null,
    offline: form.get('access_type') === 'offline',
    grantType,
  }
}

export function badRequest(
  message: string,
  oauth: OAuthErrorCode = 'invalid_request',
  status = 400,
): RegistryError {
  return new RegistryError('UNSUPPORTED', { message, oauth, status })
}

function proofOfHeader(authorization: string | null): Proof {
  if (authorization === null) return { kind: 'nothing' }
  const basic = parseBasic(authorization)
  if (basic === null) throw new RegistryError('UNAUTHORIZED')
  return proofOfPassword(basic.user, basic.password)
}

/** Clients without credentials send an empty name. */
function proofOfPassword(user: string, password: string): Proof {
  if (user === '') return { kind: 'nothing' }
  if (user === ID_TOKEN_USER) return { kind: 'ID token', token: password }
  return { kind: 'password', user, password }
}

function proofOfForm(form: URLSearchParams, grantType: GrantType): Proof {
  switch (grantType) {
    case 'password':
      return proofOfPassword(required(form, 'username'), required(form, 'password'))
    case 'refresh_token':
      return { kind: 'refresh token', token: required(form, 'refresh_token') }
    case 'urn:ietf:params:oauth:grant-type:token-exchange':
      return { kind: 'ID token', token: subjectToken(form) }
  }
}

function subjectToken(form: URLSearchParams): string {
  if (!ID_TOKEN_TYPES.includes(required(form, 'subject_token_type'))) {
    throw badRequest(`subject_token_type: expected ${ID_TOKEN_TYPES.join(' or ')}`)
  }
  if ((form.get('requested_token_type') ?? ACCESS_TOKEN_TYPE) !== ACCESS_TOKEN_TYPE) {
    throw badRequest(`requested_token_type: expected ${ACCESS_TOKEN_TYPE}`)
  }
  if (form.has('actor_token')) throw badRequest('actor_token: delegation is not supported')
  return required(form, 'subject_token')
}

function parseGrantType(text: string | null): GrantType {
  if (text === null) throw badRequest('grant_type is missing')
  const known = GRANT_TYPES.find((grantType) => grantType === text)
  if (known === undefined) {
    throw badRequest(`grant_type: expected ${GRANT_TYPES.join(', ')}`, 'unsupported_grant_type')
  }
  return known
}

function required(form: URLSearchParams, name: string): string {
  const value = form.get(name)
  if (value === null) throw badRequest(`${name} is missing`)
  return value
}
