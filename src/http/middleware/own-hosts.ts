/**
 * Checks the host of a request to an open registry. A page may map its own host name to the address of this machine (DNS rebinding). The
 * browser then treats the page and the registry as one origin, and only the Host header reveals it.
 */
import { RegistryError } from '../../oci/errors.ts'
import { factory } from './context.ts'
import type { Route } from './path.ts'

/** The host of the URL, and that of the header: Miniflare takes another URL from a header that a page can send. */
function hostsOf({ url, headers }: Request): string[] {
  const { protocol, hostname } = new URL(url)
  const header = headers.get('Host')
  if (header === null) return [hostname]
  return [hostname, URL.parse(`${protocol}//${header}`)?.hostname ?? header]
}

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Load balancers send an address as the host. These routes reveal nothing. */
const PROBES: ReadonlySet<Route> = new Set(['/healthz', '/readyz'])

export const refuseForeignHosts = factory.createMiddleware(
  async function refuseForeignHosts(c, next) {
    const { openAccess, publicOrigin, allowedHosts } = c.get('settings')
    if (!openAccess || PROBES.has(c.get('route'))) return next()
    const known = new Set([...LOOPBACK, ...allowedHosts])
    if (publicOrigin !== null) known.add(new URL(publicOrigin).hostname)
    const hostname = hostsOf(c.req.raw).find((host) => !known.has(host))
    if (hostname === undefined) return next()
    throw new RegistryError('DENIED', {
      message: `this registry is open to everybody, and does not answer requests for the host ${hostname}; the operator can allow it with ALLOWED_HOSTS`,
    })
  },
)
