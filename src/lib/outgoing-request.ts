/**
 * Requests that the registry makes itself, to addresses that others wrote down: all of them go through here, to where the policy
 * allows (outgoing-address.ts), and nowhere else than where the address says.
 */
import type { Json } from '../oci/errors.ts'
import { parseStrictJson } from '../oci/json.ts'
import { type AddressOptions, addressProblem } from './outgoing-address.ts'
import { readBody } from './read-body.ts'

/** Bytes of an answer that are read at most, as they come out of any compression. */
export const ANSWER_BYTES = 64 * 1024

export interface OutgoingRequest {
  method?: string
  headers: HeadersInit
  body?: string
  /** Of the whole exchange, the answer's body included: nobody is waited for without an end. */
  signal: AbortSignal
}

/**
 * Sends a request. A redirect is not followed, since it would lead past the policy: it is an answer like any other.
 * @throws {Error} which says why the URL may not be called; and what fetch throws
 */
export async function sendRequest(
  url: string,
  request: OutgoingRequest,
  options: AddressOptions,
): Promise<Response> {
  const problem = addressProblem(url, options)
  if (problem !== null) throw new Error(problem)
  const headers = new Headers(request.headers)
  if (!headers.has('User-Agent')) headers.set('User-Agent', 'Berth')
  return fetch(url, { ...request, headers, redirect: 'manual' })
}

/** Of a request for a JSON document. */
const TIMEOUT_MS = 5000

/**
 * GETs a small JSON document.
 * @throws {Error} which names the URL, where it may not be called, does not answer 200 in time and in size, redirects, or answers
 *   what is not JSON or has repeated keys
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

/** A body that breaks off says by its cause whether it did so in time. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message}: ${reasonOf(error.cause)}`
}
