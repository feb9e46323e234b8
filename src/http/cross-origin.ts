/** Pages of other origins: none may read the answers, unless the operator lists their origin exactly (Fetch standard, CORS). */
import { cors } from 'hono/cors'
import { factory } from './context.ts'

const PREFLIGHT_SECONDS = 600

export const crossOrigin = factory.createMiddleware(async function crossOrigin(c, next) {
  const { corsOrigins } = c.get('settings')
  const origin = c.req.header('Origin')
  if (origin === undefined || !corsOrigins.includes(origin)) return next()
  return allowListed(c, next)
})

const allowListed = cors({
  origin: (origin) => origin,
  allowMethods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
  allowHeaders: [
    'Authorization',
    'Accept',
    'Content-Type',
    'Content-Range',
    'Range',
    'If-None-Match',
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
