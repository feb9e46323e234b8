/** The one place that turns what a handler threw into a response. */
import { logError } from '../lib/log.ts'
import { BodyCutOff } from '../lib/read-body.ts'
import { RegistryError } from '../oci/errors.ts'
import { SettingError } from './settings.ts'

/**
 * The error as JSON. What is not a RegistryError is the registry's own fault: it is logged whole, and the client gets only
 * the request's id, to quote.
 */
export function renderError(error: unknown, requestId: string): Response {
  const known = toRegistryError(error, requestId)
  return new Response(`${JSON.stringify(known)}\n`, {
    status: known.status,
    headers: { ...known.headers, 'Content-Type': 'application/json; charset=utf-8' },
  })
}

function toRegistryError(error: unknown, requestId: string): RegistryError {
  if (error instanceof RegistryError) return error
  if (error instanceof BodyCutOff) {
    return new RegistryError('SIZE_INVALID', { message: 'the body ended before its length' })
  }
  return internalError(error, requestId)
}

function internalError(error: unknown, requestId: string): RegistryError {
  if (error instanceof SettingError) {
    return new RegistryError('UNAVAILABLE', { message: error.message })
  }
  logError({ message: 'request failed', requestId }, error)
  // Both flags are Cloudflare's, on errors of Durable Object calls: the same request again can succeed.
  if (hasFlag(error, 'retryable') || hasFlag(error, 'overloaded')) {
    return new RegistryError('UNAVAILABLE', {
      detail: { requestId },
      headers: { 'Retry-After': '1' },
    })
  }
  return new RegistryError('UNKNOWN', { detail: { requestId } })
}

function hasFlag(error: unknown, flag: string): boolean {
  return error instanceof Error && Reflect.get(error, flag) === true
}
