/** The administration API, /api/v1: its operations as routes, and the document that describes them. */
import type { Context } from 'hono'
import { RegistryError } from '../../oci/errors.ts'
import { type AppEnv, factory } from '../context.ts'
import { allow } from '../guard.ts'
import { absoluteUrl, prefixedPath } from '../locations.ts'
import { account } from './account.ts'
import { accounts } from './accounts.ts'
import { audit } from './audit.ts'
import { events } from './events.ts'
import { grants } from './grants.ts'
import { openApiDocument } from './openapi.ts'
import type { Operation } from './operation.ts'
import { repositories } from './repositories.ts'
import { tokenKeys } from './token-keys.ts'
import { tokens } from './tokens.ts'
import { trustRules } from './trust-rules.ts'
import { webhookDeliveries } from './webhook-deliveries.ts'
import { webhooks } from './webhooks.ts'

export const operations: readonly Operation[] = [
  ...account,
  ...accounts,
  ...tokens,
  ...grants,
  ...trustRules,
  ...repositories,
  ...tokenKeys,
  ...audit,
  ...webhooks,
  ...webhookDeliveries,
  ...events,
]

/** A browser that knows the password sends it with requests that pages of any origin make. */
function refuseForeignPages(c: Context<AppEnv>): void {
  const origin = c.req.header('Origin')
  if (origin === undefined || c.req.method === 'GET' || c.req.method === 'HEAD') return
  if (origin === new URL(absoluteUrl(c, '/')).origin) return
  if (c.var.settings.corsOrigins.includes(origin)) return
  throw new RegistryError('DENIED', {
    message: 'changes by pages of this origin are refused; its owner may allow it by CORS_ORIGINS',
  })
}

export const api = factory.createApp()

api.use(async function prepareApi(c, next) {
  c.header('Cache-Control', 'no-store')
  refuseForeignPages(c)
  await next()
})

for (const { method, path, access, respond } of operations) {
  api.on(method.toUpperCase(), routeOf(path), allow(access), respond)
}

api.get('/openapi.json', allow('none'), (c) =>
  c.json(openApiDocument(operations, prefixedPath(c.var.settings, '/api/v1'))),
)

/** In Hono's syntax. The name of a repository has slashes, and may stand last alone. */
function routeOf(path: string): string {
  return path.replace('{repository}', ':repository{.+}').replace(/\{(\w+)\}/g, ':$1')
}
