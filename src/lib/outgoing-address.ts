/**
 * Which URLs the registry may call itself, whoever wrote them down and for whatever: https, to a host that has a public name. A
 * URL is taken only as it is written: what a parser would first have to turn into something else (numbers into addresses,
 * backslashes, escapes, other alphabets) is refused, since another parser may turn it into something different.
 *
 * What cannot be seen here is where a name leads: anybody's name may resolve to a private address, and a look-up beforehand may
 * be answered otherwise than that of the request. A deployed Worker's fetch reaches no private network; elsewhere only a list of
 * hosts helps.
 */
import { flag, setting } from './setting.ts'

export const allowLoopback = setting({
  variable: 'ALLOW_LOOPBACK',
  ...flag(false),
  meaning:
    'Outgoing requests (to issuers and webhooks) may go to this machine and over http. `npm start` sets it; it is for tests only.',
})

export interface AddressOptions {
  /** Whether this machine may be called too, and over http. */
  allowLoopback: boolean
  /** Hosts (isHostPattern), one of which it has to be; any by default, and where there are none. Loopback needs no place among them. */
  hosts?: readonly string[]
}

const URL_LIMIT = 2048

/** Characters of a name (RFC 1035, 2.3.4, without the two bytes that end it on the wire). */
const NAME_LIMIT = 253

/** RFC 1123, 2.1: letters, digits and hyphens, no hyphen at either end. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/**
 * Names that mean something within a network only: RFC 6761 and 6762, RFC 8375, ICANN's `internal`, what routers and companies use
 * instead, Kubernetes' services, and the one public name of a cloud's metadata service that its own machines resolve inside.
 */
const PRIVATE_SUFFIXES = [
  'localhost',
  'local',
  'internal',
  'localdomain',
  'home.arpa',
  'lan',
  'home',
  'corp',
  'intranet',
  'private',
  'svc',
  'metadata.goog',
]

/** Why this URL may not be called, as a sentence that does not repeat it; null where it may. */
export function addressProblem(
  url: string,
  { allowLoopback, hosts = [] }: AddressOptions,
): string | null {
  const address = readAddress(url)
  if (typeof address === 'string') return address
  const { scheme, host, port } = address
  if (allowLoopback && isLoopback(host)) return null
  if (scheme !== 'https') return 'the URL has to begin with https://'
  if (port !== '' && port !== '443' && Number(port) < 1024) {
    return 'the port has to be 443, or 1024 or above'
  }
  return nameProblem(host) ?? listProblem(host, hosts)
}

/** Whether this can stand in a host allow list: a host, or `*.` and a host for all names under it. */
export function isHostPattern(text: string): boolean {
  return nameProblem(text.replace(/^\*\./, '')) === null
}

interface Address {
  scheme: string
  /** In lower case. */
  host: string
  /** '' where the URL names none. */
  port: string
}

/** The parts of a URL that every parser reads in the same way; a sentence where this is none. */
function readAddress(url: string): Address | string {
  if (url.length > URL_LIMIT) return `the URL is longer than ${URL_LIMIT} characters`
  // WHATWG URL, 4.4: some of these are dropped without a word, and a backslash becomes a slash.
  if (!/^[!-[\]-~]*$/.test(url)) {
    return 'the URL has characters that do not belong in one: spaces, control characters, backslashes, or others than ASCII'
  }
  const [, scheme = '', authority = ''] = /^(https?):\/\/([^/?#]+)/i.exec(url) ?? []
  if (authority === '') return 'the URL has to begin with https:// and a host'
  if (authority.includes('@')) return 'the URL has credentials in it'
  if (url.includes('#')) return 'the URL has a fragment, which is never sent'
  const parsed = URL.parse(url)
  if (parsed === null) return 'the URL is not valid: its host or its port is not one'
  const [, host = '', port = ''] = /^(.*?)(?::([1-9]\d*))?$/.exec(authority.toLowerCase()) ?? []
  const isPlain = host === parsed.hostname
  if (isIpAddress(parsed.hostname) && !(isPlain && isLoopbackAddress(host))) return IP_PROBLEM
  if (!isPlain) return 'the host and the port have to be written plainly, without escapes'
  return { scheme: scheme.toLowerCase(), host, port }
}

const IP_PROBLEM = 'the host is an IP address and not a name'

/** Of a host that was parsed: WHATWG URL, 3.5, has made all spellings of an IPv4 address into this one. */
function isIpAddress(hostname: string): boolean {
  return hostname.startsWith('[') || /^\d+(?:\.\d+){3}$/.test(hostname)
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || isLoopbackAddress(host)
}

/** RFC 6890, 2.2.2 and 2.2.3; an IPv4 address that is mapped into IPv6 is not written so. */
function isLoopbackAddress(host: string): boolean {
  return host === '[::1]' || /^127(?:\.\d+){3}$/.test(host)
}

function nameProblem(host: string): string | null {
  if (isIpAddress(host)) return IP_PROBLEM
  if (host.endsWith('.')) return 'the host ends with a dot'
  const labels = host.split('.')
  if (host.length > NAME_LIMIT || !labels.every((label) => LABEL.test(label))) {
    return 'the host is not a valid name'
  }
  if (PRIVATE_SUFFIXES.some((suffix) => host === suffix || host.endsWith(`.${suffix}`))) {
    return 'the host has a name that is known in a private network only'
  }
  return labels.length === 1 ? 'the host is no full name: it has no dot' : null
}

function listProblem(host: string, hosts: readonly string[]): string | null {
  if (hosts.length === 0 || hosts.some((pattern) => matches(pattern, host))) return null
  return 'the host is not in the list of hosts that may be called'
}

function matches(pattern: string, host: string): boolean {
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern
}
