/** One line of JSON for each request. The query stays out of it, as do all headers: neither tokens nor passwords reach the log. */
import { logInfo } from '../lib/log.ts'
import { factory } from './context.ts'

export const logRequest = factory.createMiddleware(async function logRequest(c, next) {
  const start = Date.now()
  await next()
  const { settings, requestId, repository, caller, address } = c.var
  if (settings?.logRequests === false) return
  const length = c.req.method === 'HEAD' ? '0' : c.res.headers.get('Content-Length')
  logInfo({
    message: 'request',
    requestId,
    method: c.req.method,
    path: new URL(c.req.url).pathname,
    repository: repository ?? '',
    subject: caller?.subject ?? '',
    address: address ?? '',
    status: c.res.status,
    // Of a body without a length, nothing is known when the answer begins.
    bytes: length === null ? null : Number(length),
    ms: Date.now() - start,
  })
})
