/**
 * Decides which URLs the registry may call, whoever configured them and for whatever purpose: https, to a host with a public name. A URL
 * must be written plainly. Numbers as addresses, backslashes, escapes and non-ASCII letters are refused, because two parsers may read them
 * differently.
 *
 * This check cannot see the address that a name resolves to. Any name may resolve to a private address, and a lookup before the request may
 * differ from the lookup of the request. A deployed Worker's fetch reaches no private network; elsewhere only a list of allowed hosts
 * helps.
 */
import { flag, setting } from './setting.ts'

export const allowLoopback = setting({
  variable: 'ALLOW_LOOPBACK',
  ...flag(false),
  meaning:
    'Outgoing requests (to issuers and webhooks) may go to this machine and over http, and `S3_ENDPOINT` may be any host. `npm start` sets it; else it is for tests and for storage in your own network.',
})

export interface AddressOptions {
  /** Whether this machine may be called too, even over http. */
  allowLoopback: boolean
  /** Allowed hosts (isHostPattern). If missing or empty, any host is allowed. Loopback need not be listed. */
  hosts?: readonly string[]
}

const URL_LIMIT = 2048

/** The maximum length of a name in characters (RFC 1035, 2.3.4, without the two bytes that end it on the wire). */
const NAME_LIMIT = 253

/** RFC 1123, 2.1: letters, digits and hyphens, no hyphen at either end. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/**
 * Names that only have a meaning within a network: RFC 6761 and 6762, RFC 8375, ICANN's `internal`, the unofficial names of routers and
 * companies, Kubernetes' services, and the public name that a cloud's own machines resolve to its metadata service.
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

/** The reason why this URL may not be called, as a sentence that does not repeat the URL. Null if it may be called. */
export function addressProblem(
  url: string,
  { allowLoopback, hosts = [] }: AddressOptions,
): string | null {
  const address = readAddress(url)
  if (typeof address === 'string') return address
  const { scheme, host, port } = address
  if (allowLoopback && isLoopback(host)) return null
  if (scheme !== 'https') return 'the URL must begin with https://'
  if (port !== '' && port !== '443' && Number(port) < 1024) {
    return 'the port must be 443, or 1024 or above'
  }
  return nameProblem(host) ?? listProblem(host, hosts)
}

/** Whether the text may be in the list of allowed hosts: a host, or `*.` and a host for all names below it. */
export function isHostPattern(text: string): boolean {
  return nameProblem(text.replace(/^\*\./, '')) === null
}

interface Address {
  scheme: string
  /** In lower case. */
  host: string
  /** Empty for the default port of the scheme. */
  port: string
}

/** The parts of a URL that every parser reads in the same way. Otherwise a sentence that names the problem. */
function readAddress(url: string): Address | string {
  if (url.length > URL_LIMIT) return `the URL is longer than ${URL_LIMIT} characters`
  // WHATWG URL, 4.4: a parser drops some of these silently, and turns a backslash into a slash.
  if (!/^[!-[\]-~]*$/.test(url)) {
    return 'the URL has characters that are not allowed in a URL: spaces, control characters, backslashes, or non-ASCII characters'
  }
  const [, scheme = '', authority = ''] = /^(https?):\/\/([^/?#]+)/i.exec(url) ?? []
  if (authority === '') return 'the URL must begin with https:// and a host'
  if (authority.includes('@')) return 'the URL contains credentials'
  if (url.includes('#')) return 'the URL has a fragment, which is never sent'
  const parsed = URL.parse(url)
  if (parsed === null) return 'the URL is not valid: its host or its port is malformed'
  const [, host = '', port = ''] = /^(.*?)(?::([1-9]\d*))?$/.exec(authority.toLowerCase()) ?? []
  const isPlain = host === parsed.hostname
  if (isIpAddress(parsed.hostname) && !(isPlain && isLoopbackAddress(host))) return IP_PROBLEM
  if (!isPlain) return 'the host and the port must be written plainly, without escapes'
  return { scheme: scheme.toLowerCase(), host, port }
}

const IP_PROBLEM = 'the host is an IP address, not a name'

/** For a parsed host: WHATWG URL, 3.5, has already normalised all spellings of an IPv4 address. */
function isIpAddress(hostname: string): boolean {
  return hostname.startsWith('[') || /^\d+(?:\.\d+){3}$/.test(hostname)
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || isLoopbackAddress(host)
}

/** RFC 6890, 2.2.2 and 2.2.3. IPv4 addresses mapped into IPv6 are not accepted. */
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
    return 'the host name belongs to a private network'
  }
  return labels.length === 1 ? 'the host is not a full name: it has no dot' : null
}

function listProblem(host: string, hosts: readonly string[]): string | null {
  if (hosts.length === 0 || hosts.some((pattern) => matches(pattern, host))) return null
  return 'the host is not in the list of hosts that may be called'
}

function matches(pattern: string, host: string): boolean {
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern
}
