/**
 * Limits the request rate of one client address with Cloudflare's rate limiting binding, if the operator configured it. Each location
 * counts separately and with a short delay: the limit protects against floods, and is no exact quota.
 */
import { RegistryError } from '../../oci/errors.ts'
import { factory } from './context.ts'

/** The binding's shortest period, in seconds. */
const RETRY_SECONDS = 10

export const limitRate = factory.createMiddleware(async function limitRate(c, next) {
  const { RATE_LIMIT } = c.env
  if (RATE_LIMIT !== undefined && !(await RATE_LIMIT.limit({ key: c.get('address') })).success) {
    throw new RegistryError('TOOMANYREQUESTS', {
      message: 'too many requests from this address',
      headers: { 'Retry-After': String(RETRY_SECONDS) },
    })
  }
  await next()
})
