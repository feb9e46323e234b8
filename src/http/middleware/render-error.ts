/** The only place that turns errors into responses. */
import { logError } from '../../lib/log.ts'
import { isPassing } from '../../lib/passing-error.ts'
import { BodyCutOff } from '../../lib/read-body.ts'
import { SettingError } from '../../lib/setting.ts'
import { RegistryError } from '../../oci/errors.ts'
import { isUnusableStorage } from '../../store/bytes/storage-error.ts'

/** The request that failed. */
export interface FailedRequest {
  id: string
  method: string
}

/**
 * Renders the error as JSON. Any error but a RegistryError is a fault of the registry: it is logged in full, and the client gets only the
 * request's id to quote.
 */
export function renderError(error: unknown, request: FailedRequest): Response {
  const known = toRegistryError(error, request)
  return new Response(`${JSON.stringify(known)}\n`, {
    status: known.status,
    headers: { ...known.headers, 'Content-Type': 'application/json; charset=utf-8' },
  })
}

function toRegistryError(error: unknown, request: FailedRequest): RegistryError {
  if (error instanceof RegistryError) return error
  if (error instanceof BodyCutOff) {
    return new RegistryError('SIZE_INVALID', { message: 'the body ended before its length' })
  }
  if (error instanceof SettingError) {
    return new RegistryError('UNAVAILABLE', { message: error.message })
  }
  logError({ message: 'request failed', requestId: request.id }, error)
  if (isUnusableStorage(error)) return storageError(request)
  return isPassing(error) ? passingError(request) : unknownError(request)
}

/** What is wrong with the storage is for the operator, in the log. */
function storageError({ id }: FailedRequest): RegistryError {
  return new RegistryError('UNAVAILABLE', {
    message: 'the storage of the registry is not available',
    detail: { requestId: id },
  })
}

/**
 * The error when the same request may succeed later. On reads it is 429, which clients retry by themselves: a single 503 ends a pull by
 * skopeo or containerd. On writes it is 503: at 429 docker gives up the push, at 503 it starts the layer again.
 */
function passingError({ id, method }: FailedRequest): RegistryError {
  const isRead = method === 'GET' || method === 'HEAD'
  return new RegistryError(isRead ? 'TOOMANYREQUESTS' : 'UNAVAILABLE', {
    message: 'the registry is busy or restarting: try again',
    detail: { requestId: id },
    headers: { 'Retry-After': '1' },
  })
}

function unknownError({ id }: FailedRequest): RegistryError {
  return new RegistryError('UNKNOWN', { detail: { requestId: id } })
}
