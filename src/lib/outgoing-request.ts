/**
 * Sends every request that the registry makes. It calls only URLs that the policy allows (outgoing-address.ts), and follows no redirects.
 */
import type { Json } from '../oci/errors.ts'
import { parseStrictJson } from '../oci/json.ts'
import { type AddressOptions, addressProblem } from './outgoing-address.ts'
import { readBody } from './read-body.ts'

/** The most bytes of an answer that are read, after decompression. */
export const ANSWER_BYTES = 64 * 1024

export interface OutgoingRequest {
  method?: string
  headers: HeadersInit
  body?: string
  /** Aborts the whole exchange, including the body of the answer, so that no request waits forever. */
  signal: AbortSignal
}

/** A request to an address that was checked before, when its setting was read. */
export interface CheckedRequest extends Omit<OutgoingRequest, 'body'> {
  body?: ReadableStream<Uint8Array> | Uint8Array | string
}

/**
 * Sends a request. A redirect is returned like any other answer: following it would bypass the policy.
 * @throws {Error} that says why the URL may not be called; and the errors of fetch
 */
export async function sendRequest(
  url: string,
  request: OutgoingRequest,
  options: AddressOptions,
): Promise<Response> {
  const problem = addressProblem(url, options)
  if (problem !== null) throw new Error(problem)
  return sendChecked(url, request)
}

/** Sends a request to an address that the operator chose, and that was checked before. It follows no redirects either. */
export function sendChecked(url: string, request: CheckedRequest): Promise<Response> {
  const headers = new Headers(request.headers)
  if (!headers.has('User-Agent')) headers.set('User-Agent', 'Berth')
  return fetch(url, { ...request, headers, redirect: 'manual' })
}

/** Timeout of a request for a JSON document, in milliseconds. */
const TIMEOUT_MS = 5000

/**
 * GETs a small JSON document.
 * @throws {Error} that names the URL: if the URL may not be called; if the answer is not 200, is late or too large; if it is not JSON, or
 *   has repeated keys
 */
export async function fetchJson(url: string, options: AddressOptions): Promise<Json> {
  try {
    const headers = { Accept: 'application/json' }
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const response = await sendRequest(url, { headers, signal }, options)
    if (response.status !== 200) {
      await response.body?.cancel()
      throw new Error(`answered ${response.status}`)
    }
    const bytes = await readBody(response.body, ANSWER_BYTES)
    if (bytes === null) throw new Error(`answered more than ${ANSWER_BYTES} bytes`)
    return parseStrictJson(bytes)
  } catch (error) {
    throw new Error(`${url}: ${reasonOf(error)}`, { cause: error })
  }
}

/** Includes the cause: if a body breaks off, only the cause says whether it was a timeout. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message}: ${reasonOf(error.cause)}`
}
