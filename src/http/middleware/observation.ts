/** The record of a request when its answer begins, for the log and Analytics Engine. It has no header, query or body. */
import type { Context } from 'hono'
import { type ErrorCode, RegistryError } from '../../oci/errors.ts'
import type { AppEnv } from './context.ts'

export interface Observation {
  requestId: string
  method: string
  /** The canonical route, such as `/manifests`; see path.ts. The whole administration API is `/api/v1`. */
  route: string
  path: string
  /** Empty if the path has no repository, or an invalid name. */
  repository: string
  /** Empty for anonymous and unauthenticated callers. */
  subject: string
  address: string
  status: number
  /** Code and message of the first error, if the request was refused. */
  code?: ErrorCode
  reason?: string
  /** Bytes of the body; null if its length is not known when the answer begins. */
  bytes: number | null
  cache: 'hit' | 'miss' | null
  d1: number
  r2: { reads: number; writes: number; deletes: number }
  /** Calls to upload sessions. */
  uploads: number
  ms: number
}

export function observe(c: Context<AppEnv>, ms: number): Observation {
  const usage = c.get('usage')
  const route = c.get('route')
  const requestId = c.get('requestId')
  const repository = c.get('repository')
  const caller = c.get('caller')
  const address = c.get('address')
  const count = (service: Parameters<typeof usage.of>[0]) => usage.of(service).count
  return {
    requestId,
    method: c.req.method,
    route: route?.startsWith('/api/') ? '/api/v1' : (route ?? '/unknown'),
    path: loggedPath(c),
    repository: repository ?? '',
    subject: caller?.subject ?? '',
    address: address ?? '',
    status: c.res.status,
    ...refusalOf(c.error),
    bytes: bodyLength(c),
    cache: usage.cache,
    d1: count('d1'),
    r2: { reads: count('r2Reads'), writes: count('r2Writes'), deletes: count('r2Deletes') },
    uploads: count('uploads'),
    ms,
  }
}

const REASON_CHARACTERS = 500

function refusalOf(error: Error | undefined): Pick<Observation, 'code' | 'reason'> {
  if (!(error instanceof RegistryError)) return {}
  const [first] = error.entries
  const reason = error.message.slice(0, REASON_CHARACTERS)
  return first === undefined ? { reason } : { code: first.code, reason }
}

/** Matches upload ids anywhere in a path. Repository names have no capital letters, so they never match. */
const UPLOAD_ID = /Ag[AE][A-Za-z0-9_-]{49}/g

/** The log has the name of an upload instead of its id: the id is a secret of its owner, and the name alone is useless. */
function loggedPath(c: Context<AppEnv>): string {
  const { pathname } = new URL(c.req.url)
  const isUpload = c.get('route') === '/upload'
  const named = isUpload ? pathname.slice(0, pathname.lastIndexOf('/') + 1) : pathname
  return named.replace(UPLOAD_ID, '*') + (isUpload ? (c.get('uploadName') ?? '*') : '')
}

function bodyLength(c: Context<AppEnv>): number | null {
  if (c.req.method === 'HEAD') return 0
  const length = c.res.headers.get('Content-Length')
  if (length !== null) return Number(length)
  return c.res.body === null ? 0 : null
}
