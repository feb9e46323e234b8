/**
 * Requests that the registry makes itself, to addresses that others wrote down: small JSON documents, over https, from named
 * hosts, and nowhere else than where the address says.
 */
import type { Json } from '../oci/errors.ts'
import { parseStrictJson } from '../oci/json.ts'
import { readBody } from './read-body.ts'

export interface OutboundOptions {
  /** Whether hosts on this machine may be asked, and over http. */
  allowLoopback: boolean
  /** For the whole exchange, the body included; 5,000 by default. */
  timeoutMs?: number
  /** Of the body, as it comes out of any compression; 64 KiB by default. */
  maxBytes?: number
}

/**
 * GETs a JSON document.
 * @throws {Error} which names the URL, where it may not be asked, does not answer 200 in time and in size, redirects, or answers
 *   what is not JSON or has repeated keys
 */
export async function fetchJson(
  url: string,
  { allowLoopback, timeoutMs = 5000, maxBytes = 64 * 1024 }: OutboundOptions,
): Promise<Json> {
  const problem = outboundProblem(url, allowLoopback)
  if (problem !== null) throw new Error(`${url}: ${problem}`)
  try {
    const response = await fetch(url, {
      headers: { Accept: 'application/json', 'User-Agent': 'berth' },
      // A redirect would lead past the checks above.
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    })
    if (response.status !== 200) {
      await response.body?.cancel()
      throw new Error(`answered ${response.status}`)
    }
    const bytes = await readBody(response.body, maxBytes)
    if (bytes === null) throw new Error(`answered more than ${maxBytes} bytes`)
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

/** Why a URL may not be asked; null where it may. */
export function outboundProblem(url: string, allowLoopback: boolean): string | null {
  const parsed = URL.parse(url)
  if (parsed === null) return 'it is not a URL'
  const { protocol, hostname, username, password } = parsed
  if (username !== '' || password !== '') return 'it has credentials in it'
  if (isLoopback(hostname)) {
    if (!allowLoopback) return 'its host is this machine'
    return protocol === 'https:' || protocol === 'http:' ? null : 'it is neither https nor http'
  }
  if (protocol !== 'https:') return 'it is not https'
  return isAddress(hostname) ? 'its host is an address and not a name' : null
}

/** Of a URL that was parsed (WHATWG URL, 3.5): other spellings of 127.0.0.1 have become it. */
function isLoopback(hostname: string): boolean {
  return /^(?:(?:.+\.)?localhost\.?|127(?:\.\d+){3}|\[::1\])$/.test(hostname)
}

function isAddress(hostname: string): boolean {
  return hostname.startsWith('[') || /^[\d.]+$/.test(hostname)
}
