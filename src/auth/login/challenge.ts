/**
 * The answer to a request without credentials or rights: 401 with a challenge (RFC 9110, 11.6.1), as in docker/distribution's
 * "Token Authentication Specification". Each endpoint's challenge names the scope that it needs, because containerd never requests
 * `/v2/` first.
 */
import { RegistryError } from '../../oci/errors.ts'
import { formatScope, type Scope } from '../tokens/scopes.ts'

export interface Challenge {
  /** Where the client gets tokens, and for which service; null asks for Basic credentials. */
  tokens: { realm: string; service: string } | null
  scopes: readonly Scope[]
  /** Why the token of the request was refused (RFC 6750, 3.1). */
  error?: 'invalid_token' | 'insufficient_scope'
  message?: string
}

/** RFC 7617. */
const BASIC = 'Basic realm="berth", charset="UTF-8"'

export function unauthorized({ tokens, scopes, error, message }: Challenge): RegistryError {
  return new RegistryError('UNAUTHORIZED', {
    headers: { 'WWW-Authenticate': tokens === null ? BASIC : bearer(tokens, scopes, error) },
    ...(message === undefined ? {} : { message }),
    ...(scopes.length === 0 ? {} : { detail: scopes.flatMap(missing) }),
  })
}

function bearer(
  { realm, service }: { realm: string; service: string },
  scopes: readonly Scope[],
  error: Challenge['error'],
): string {
  const parameters = [`realm="${realm}"`, `service="${service}"`]
  if (scopes.length > 0) parameters.push(`scope="${scopes.map(formatScope).join(' ')}"`)
  if (error !== undefined) parameters.push(`error="${error}"`)
  return `Bearer ${parameters.join(',')}`
}

/** The missing access, in the form of docker/distribution's `detail`. */
export function missing({ type, name, actions }: Scope) {
  return actions.map((action) => ({ Type: type, Name: name, Action: action }))
}
