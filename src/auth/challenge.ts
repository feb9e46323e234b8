/**
 * The answer to a request that lacks credentials or rights: 401 with a challenge (RFC 9110, 11.6.1), as docker/distribution's
 * "Token Authentication Specification" has it. Each endpoint's challenge names the scope that it needs, because containerd never
 * asks `/v2/` first.
 */
import { RegistryError } from '../oci/errors.ts'
import { formatScope, type Scope } from './scopes.ts'

export interface Challenge {
  /** Where tokens are had, and for which service; null where Basic is asked for. */
  tokens: { realm: string; service: string } | null
  scopes: readonly Scope[]
  /** Why the token that came with the request does not do (RFC 6750, 3.1). */
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

/** What was needed, in the form of docker/distribution's `detail`. */
export function missing({ type, name, actions }: Scope) {
  return actions.map((action) => ({ Type: type, Name: name, Action: action }))
}
