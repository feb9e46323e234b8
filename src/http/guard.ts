/** The middleware that stands beside each route and says what the route needs. */
import { type Access, authenticate } from '../auth/access.ts'
import { RegistryError } from '../oci/errors.ts'
import { factory } from './context.ts'

/**
 * Lets a request through to its handler only with the right to `access`, and refuses deletes where they are switched off.
 * Authorisation comes first: who may not delete is not told whether others may.
 */
export function allow(access: Access) {
  return factory.createMiddleware(async function guard(c, next) {
    const { settings } = c.var
    if (access === 'none') return next()
    c.set('subject', await authenticate(c.req.header('Authorization') ?? null, settings))
    if (access === 'delete' && !settings.deleteEnabled) {
      throw new RegistryError('UNSUPPORTED', {
        message: 'deleting is switched off on this registry (DELETE_ENABLED)',
        headers: { Allow: 'GET, HEAD' },
      })
    }
    await next()
  })
}
