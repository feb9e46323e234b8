/**
 * The hosts that an open registry answers to. A page may give its own host name the address of this machine (DNS rebinding): for the
 * browser it is then of one origin with the registry, and only the Host header tells.
 */
import { RegistryError } from '../../oci/errors.ts'
import { factory } from './context.ts'
import type { Route } from './path.ts'

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Load balancers ask by address, and learn nothing. */
const PROBES: ReadonlySet<Route> = new Set(['/healthz', '/readyz'])

export const refuseForeignHosts = factory.createMiddleware(
  async function refuseForeignHosts(c, next) {
    const { openAccess, publicOrigin, allowedHosts } = c.get('settings')
    if (!openAccess || PROBES.has(c.get('route'))) return next()
    const { hostname } = new URL(c.req.url)
    const isPublic = publicOrigin !== null && hostname === new URL(publicOrigin).hostname
    if (isPublic || LOOPBACK.has(hostname) || allowedHosts.includes(hostname)) return next()
    throw new RegistryError('DENIED', {
      message: `this registry is open to everybody and does not answer to the host ${hostname}; the operator may allow it by ALLOWED_HOSTS`,
    })
  },
)
