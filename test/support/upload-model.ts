/**
 * What uploads do, as a model: the state of an upload as plain data, what each request answers in it, and what it leaves. Only what a
 * client can see is here: no parts, no buffers, no objects.
 */
import { createHash } from 'node:crypto'
import { type Algorithm, algorithmOf, type Digest } from '../../src/oci/digest.ts'
import type { Bytes } from './uploads.ts'

export interface UploadState {
  phase: 'open' | 'done' | 'ended'
  /** What was accepted so far. */
  bytes: Bytes
  /** What the upload was closed under; null while it is not done. */
  digest: Digest | null
}

export const BEGUN: UploadState = { phase: 'open', bytes: new Uint8Array(0), digest: null }

/** A request for an upload. */
export interface UploadRequest {
  method: 'PATCH' | 'PUT' | 'GET' | 'DELETE'
  location: string
  /** Whether the location is the one that POST gave. */
  fresh: boolean
  body: Bytes
  /** Whether the body goes out without its length. */
  chunked: boolean
  /** The offset in Content-Range; null where the header is not sent. */
  start: number | null
  /** Of a PUT. */
  digest: Digest | null
}

export interface Answer {
  status: number
  /** Of the error in the body; null where there is none. */
  code: string | null
  /** The `Range` header; null where the answer has none. */
  range: string | null
}

const UNKNOWN: Answer = { status: 404, code: 'BLOB_UPLOAD_UNKNOWN', range: null }
const DIGEST_INVALID: Answer = { status: 400, code: 'DIGEST_INVALID', range: null }
const CREATED: Answer = { status: 201, code: null, range: null }

/** Whether the request alone makes a blob, so that the upload's state plays no part in it. */
export function isWhole({ method, fresh, body, chunked, start, digest }: UploadRequest): boolean {
  if (method !== 'PUT' || !fresh || chunked) return false
  return body.length > 0 ? (start ?? 0) === 0 : digest === hashOf(body, digest)
}

/** What an upload answers to a request, and the state that it is in afterwards. */
export function step(state: UploadState, request: UploadRequest): [Answer, UploadState] {
  const { method, body, start, digest } = request
  if (isWhole(request)) {
    return [hashOf(body, digest) === digest ? CREATED : DIGEST_INVALID, state]
  }
  const repeatsSuccess = method === 'PUT' && state.phase === 'done' && state.digest === digest
  if (repeatsSuccess) return [CREATED, state]
  if (state.phase !== 'open') return [UNKNOWN, state]
  const committed = rangeOf(state.bytes.length)
  if (method === 'GET') return [{ status: 204, code: null, range: committed }, state]
  if (method === 'DELETE') {
    return [
      { status: 204, code: null, range: null },
      { ...state, phase: 'ended' },
    ]
  }
  if (start !== null && start !== state.bytes.length) {
    return [{ status: 416, code: 'RANGE_INVALID', range: committed }, state]
  }
  const bytes = joined(state.bytes, body)
  if (method === 'PATCH') {
    return [
      { status: 202, code: null, range: rangeOf(bytes.length) },
      { ...state, bytes },
    ]
  }
  return hashOf(bytes, digest) === digest
    ? [CREATED, { phase: 'done', bytes, digest }]
    : [DIGEST_INVALID, { ...state, phase: 'ended' }]
}

/** Nothing and one byte are the same range: the field has no form for nothing. */
function rangeOf(length: number): string {
  return `0-${Math.max(length - 1, 0)}`
}

export function joined(a: Bytes, b: Bytes): Bytes {
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}

/** The digest of `bytes` by the algorithm of `like`. */
export function hashOf(bytes: Uint8Array, like: Digest | null): Digest {
  return digestBy(like === null ? 'sha256' : algorithmOf(like), bytes)
}

export function digestBy(algorithm: Algorithm, bytes: Uint8Array): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}

export interface Exchange {
  request: UploadRequest
  answer: Answer
}

/**
 * The state that requests which were under way at once left, by some order of them that explains all answers; null where no order does.
 * Who found the upload busy did nothing; somebody did something.
 */
export function explain(state: UploadState, exchanges: readonly Exchange[]): UploadState | null {
  const [only] = exchanges
  if (only !== undefined && exchanges.length === 1) {
    const [expected, next] = step(state, only.request)
    return agrees(expected, only.answer) ? next : null
  }
  const served = exchanges.filter((exchange) => !foundBusy(exchange))
  if (served.length === 0 && exchanges.length > 0) return null
  for (const order of permutations(served)) {
    let next = state
    const explained = order.every(({ request, answer }) => {
      const [expected, after] = step(next, request)
      next = after
      if (request.method !== 'GET' || answer.status !== 204) return agrees(expected, answer)
      return expected.status === 204 && isWithin(answer.range, state, exchanges)
    })
    if (explained) return next
  }
  return null
}

function agrees(expected: Answer, { status, code, range }: Answer): boolean {
  const { range: known } = expected
  return status === expected.status && code === expected.code && (known ?? range) === range
}

function foundBusy({ request, answer }: Exchange): boolean {
  return answer.status === 503 && answer.code === 'UNAVAILABLE' && !isWhole(request)
}

/** The status does not wait for a chunk that is on its way: some of it may be committed. */
function isWithin(range: string | null, state: UploadState, sent: readonly Exchange[]): boolean {
  const least = state.bytes.length
  const most = sent.reduce((sum, { request }) => sum + request.body.length, least)
  const last = Number(/^0-(\d+)$/.exec(range ?? '')?.[1])
  return last >= Math.max(least - 1, 0) && last <= Math.max(most - 1, 0)
}

function permutations<T>(list: readonly T[]): T[][] {
  if (list.length < 2) return [[...list]]
  return list.flatMap((first, index) =>
    permutations(list.filter((_, other) => other !== index)).map((rest) => [first, ...rest]),
  )
}
