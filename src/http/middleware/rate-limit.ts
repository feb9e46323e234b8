/**
 * The request rate of one client address, by Cloudflare's rate limiting binding where the operator configured it. The binding
 * counts in each location by itself and lags a little: it is against floods, not for exact quotas.
 */
import { RegistryError } from '../../oci/errors.ts'
import { factory } from './context.ts'

/** The binding's shortest period. */
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
