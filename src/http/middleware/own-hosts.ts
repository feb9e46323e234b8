/**
 * Checks the host of a request to an open registry. A page may map its own host name to the address of this machine (DNS rebinding). The
 * browser then treats the page and the registry as one origin, and only the Host header reveals it.
 */
import { RegistryError } from '../../oci/errors.ts'
import { factory } from './context.ts'
import type { Route } from './path.ts'

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Load balancers send an address as the host. These routes reveal nothing. */
const PROBES: ReadonlySet<Route> = new Set(['/healthz', '/readyz'])

export const refuseForeignHosts = factory.createMiddleware(
  async function refuseForeignHosts(c, next) {
    const { openAccess, publicOrigin, allowedHosts } = c.get('settings')
    if (!openAccess || PROBES.has(c.get('route'))) return next()
    const { hostname } = new URL(c.req.url)
    const isPublic = publicOrigin !== null && hostname === new URL(publicOrigin).hostname
    if (isPublic || LOOPBACK.has(hostname) || allowedHosts.includes(hostname)) return next()
    throw new RegistryError('DENIED', {
      message: `this registry is open to everybody, and does not answer requests for the host ${hostname}; the operator can allow it with ALLOWED_HOSTS`,
    })
  },
)
