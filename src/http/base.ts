/** `/`, the version check (OCI distribution spec, end-1) and the probes of load balancers. */
import { logError } from '../lib/log.ts'
import { RegistryError } from '../oci/errors.ts'
import { probeDatabase } from '../store/database/registry-state.ts'
import { factory } from './middleware/context.ts'
import { allow } from './middleware/guard.ts'
import { asksForPage, homePage } from './ui/pages.ts'

const PROBE_TIMEOUT_MS = 5000

export const base = factory
  .createApp()
  .get('/', allow('none'), async (c) => {
    if (asksForPage(c)) return homePage(c)
    return c.body(null, 200, { 'Cache-Control': 'no-cache', Vary: 'Accept' })
  })
  .get('/version', allow('any'), (c) => c.json({}))
  .get('/healthz', allow('none'), (c) => c.json({ status: 'ok' }))
  .get('/readyz', allow('none'), async (c) => {
    const { DB } = c.env
    const failures = await probe({
      r2: () => c.get('hooks').blobs.size('readyz'),
      d1: () => probeDatabase(DB),
    })
    return c.json(failures, Object.keys(failures).length === 0 ? 200 : 503, {
      'Cache-Control': 'no-cache',
    })
  })

/** Runs all checks in parallel and returns the names of those that fail. The reasons are for the operator, in the log. */
async function probe(checks: Record<string, () => Promise<unknown>>) {
  const failures: Record<string, string> = {}
  await Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      try {
        await Promise.race([check(), timeout()])
      } catch (error) {
        failures[name] = 'failed'
        logError({ message: 'not ready', service: name }, error)
      }
    }),
  )
  return failures
}

async function timeout(): Promise<never> {
  await scheduler.wait(PROBE_TIMEOUT_MS)
  throw new RegistryError('UNAVAILABLE', { message: `no answer in ${PROBE_TIMEOUT_MS} ms` })
}
