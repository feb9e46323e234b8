/**
 * Records each request when its answer begins: the Server-Timing header, one line of JSON in the log, and a data point if a dataset is
 * bound. None of them counts the later reads of a streamed body.
 */
import { logInfo } from '../../lib/log.ts'
import { Usage } from '../../lib/usage.ts'
import { factory } from './context.ts'
import { writeDataPoint } from './data-point.ts'
import { observe } from './observation.ts'
import { serverTiming } from './server-timing.ts'

export const logRequest = factory.createMiddleware(async function logRequest(c, next) {
  const start = performance.now()
  c.set('usage', new Usage())
  await next()
  const ms = Math.round(performance.now() - start)
  const timing = serverTiming(c, ms)
  if (timing !== null) c.res.headers.set('Server-Timing', timing)

  const { ANALYTICS } = c.env
  const isLogged = c.get('settings')?.logRequests !== false
  if (!isLogged && ANALYTICS === undefined) return
  const observation = observe(c, ms)
  if (isLogged) logInfo({ message: 'request', ...observation })
  if (ANALYTICS !== undefined) writeDataPoint(ANALYTICS, observation)
})
