/** The administration API, /api/v1: the routes of its operations, and the OpenAPI document. */
import { factory } from '../middleware/context.ts'
import { allow } from '../middleware/guard.ts'
import { prefixedPath } from '../middleware/locations.ts'
import { guardOf } from './access.ts'
import { account } from './account.ts'
import { accounts } from './accounts.ts'
import { audit } from './audit.ts'
import { events } from './events.ts'
import { grants } from './grants.ts'
import { manifests } from './manifests.ts'
import { openApiDocument } from './openapi.ts'
import type { Operation } from './operation.ts'
import { repositories } from './repositories.ts'
import { tokenKeys } from './token-keys.ts'
import { tokens } from './tokens.ts'
import { trustRules } from './trust-rules.ts'
import { deadLetters } from './webhooks/dead-letters.ts'
import { webhookDeliveries } from './webhooks/webhook-deliveries.ts'
import { webhooks } from './webhooks/webhooks.ts'

export const operations: readonly Operation[] = [
  ...account,
  ...accounts,
  ...tokens,
  ...grants,
  ...trustRules,
  ...manifests,
  ...repositories,
  ...tokenKeys,
  ...audit,
  ...webhooks,
  ...webhookDeliveries,
  ...deadLetters,
  ...events,
]

export const api = factory.createApp()

api.use(async function prepareApi(c, next) {
  c.header('Cache-Control', 'no-store')
  await next()
})

for (const { method, path, access, respond } of operations) {
  api.on(method.toUpperCase(), routeOf(path), allow(guardOf(access)), respond)
}

api.get('/openapi.json', allow('none'), (c) =>
  c.json(openApiDocument(operations, prefixedPath(c.var.settings, '/api/v1'))),
)

/**
 * The path in Hono's syntax. The name of a repository has slashes. As in path.ts, the end of a path is matched first: a GET of
 * `x/manifests` lists the manifests of `x`, even if a repository has that name. So that operation comes before those of the whole path.
 */
function routeOf(path: string): string {
  return path.replace('{repository}', ':repository{.+}').replace(/\{(\w+)\}/g, ':$1')
}
