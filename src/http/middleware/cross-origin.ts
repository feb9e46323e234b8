/**
 * Restricts pages of other origins. They may not read answers or change anything, unless the operator lists their exact origin (Fetch
 * standard, CORS).
 */
import { cors } from 'hono/cors'
import { RegistryError } from '../../oci/errors.ts'
import { factory } from './context.ts'
import { publicOrigin } from './locations.ts'

const PREFLIGHT_SECONDS = 600

export const crossOrigin = factory.createMiddleware(async function crossOrigin(c, next) {
  const { corsOrigins } = c.get('settings')
  const origin = c.req.header('Origin')
  if (origin === undefined || !corsOrigins.includes(origin)) return next()
  return allowListed(c, next)
})

/**
 * A browser sends simple requests of any page without a preflight, with the passwords that it knows. It identifies the page in Origin, or
 * at least in Sec-Fetch-Site (Fetch Metadata). Registry clients send neither.
 */
export const refuseForeignPages = factory.createMiddleware(
  async function refuseForeignPages(c, next) {
    if (SAFE_METHODS.has(c.req.method)) return next()
    const origin = c.req.header('Origin')
    if (origin === undefined) {
      const site = c.req.header('Sec-Fetch-Site')
      if (site === 'cross-site' || site === 'same-site') throw foreignPage('of another origin')
    } else if (origin !== publicOrigin(c) && !c.get('settings').corsOrigins.includes(origin)) {
      throw foreignPage('of this origin')
    }
    return next()
  },
)

/** RFC 9110, 9.2.1. */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

function foreignPage(which: string): RegistryError {
  return new RegistryError('DENIED', {
    message: `changes by pages ${which} are refused; the operator can allow an origin with CORS_ORIGINS`,
    headers: { 'Cache-Control': 'no-store' },
  })
}

const allowListed = cors({
  origin: (origin) => origin,
  // Allows the browser to send stored logins: Joxit's UI needs that.
  credentials: true,
  allowMethods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
  allowHeaders: [
    'Authorization',
    'Accept',
    'Cache-Control',
    'Content-Type',
    'Content-Range',
    'If-Match',
    'If-None-Match',
    'If-Range',
    'Range',
  ],
  exposeHeaders: [
    'Content-Range',
    'Docker-Content-Digest',
    'Docker-Upload-UUID',
    'ETag',
    'Link',
    'Location',
    'OCI-Filters-Applied',
    'OCI-Subject',
    'OCI-Tag',
    'Range',
    'Retry-After',
    'WWW-Authenticate',
    'X-Request-Id',
  ],
  maxAge: PREFLIGHT_SECONDS,
})
