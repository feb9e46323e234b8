/** What is told of a request when its answer begins: to the log and to Analytics Engine. No header, no query, no body. */
import type { Context } from 'hono'
import { type ErrorCode, RegistryError } from '../../oci/errors.ts'
import type { AppEnv } from './context.ts'

export interface Observation {
  requestId: string
  method: string
  /** Canonical, such as `/manifests`: see path.ts. All of the administration API is `/api/v1`. */
  route: string
  path: string
  /** '' where the path has none, or one whose name is not valid. */
  repository: string
  /** '' for anonymous, and where nobody proved who they are. */
  subject: string
  address: string
  status: number
  /** Of a request that was refused: the first of its errors, and what the client was told. */
  code?: ErrorCode
  reason?: string
  /** Of the body that is sent; null where nothing is known of it when the answer begins. */
  bytes: number | null
  cache: 'hit' | 'miss' | null
  d1: number
  r2: { reads: number; writes: number; deletes: number }
  /** Calls of upload sessions. */
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

/** What looks like an upload's id, wherever a client puts it. No repository name has capital letters. */
const UPLOAD_ID = /Ag[AE][A-Za-z0-9_-]{49}/g

/** An upload's id is its owner's: the log has the upload's name, which is of no use without it. */
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
