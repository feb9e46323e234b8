/** Finds webhooks, both those of this API and those of the WEBHOOKS variable. */
import type { Context } from 'hono'
import {
  endpointQueries,
  endpointsOf,
  type KnownEndpoint,
} from '../../../events/webhooks/endpoints.ts'
import { RegistryError } from '../../../oci/errors.ts'
import { readRows } from '../../../store/database/statement.ts'
import type { WebhookRow } from '../../../store/events/webhooks.ts'
import type { AppEnv } from '../../middleware/context.ts'

export interface Webhook {
  endpoint: KnownEndpoint
  /** Null for a webhook of the WEBHOOKS variable. */
  row: WebhookRow | null
}

/** Reads all webhooks: those of the variable in its order, then the others by name. */
export async function readWebhooks(c: Context<AppEnv>): Promise<Webhook[]> {
  const [rows, states] = await readRows(c.var.db, endpointQueries(c.var.db))
  const rowOf = new Map(rows.map((row) => [row.id, row]))
  return endpointsOf(rows, states, c.var.settings, Date.now()).map((endpoint) => ({
    endpoint,
    row: rowOf.get(endpoint.id) ?? null,
  }))
}

/** @throws {RegistryError} NOT_FOUND */
export async function findWebhook(c: Context<AppEnv>, id: string): Promise<Webhook> {
  const found = (await readWebhooks(c)).find(({ endpoint }) => endpoint.id === id)
  if (found === undefined) throw unknownWebhook(id)
  return found
}

/** @throws {RegistryError} NOT_FOUND; CONFLICT for a webhook of the WEBHOOKS variable */
export async function findManagedWebhook(
  c: Context<AppEnv>,
  id: string,
): Promise<Webhook & { row: WebhookRow }> {
  const { endpoint, row } = await findWebhook(c, id)
  if (row !== null) return { endpoint, row }
  throw new RegistryError('CONFLICT', {
    message: `${endpoint.name} is configured in the WEBHOOKS variable: change it there`,
    detail: { id },
  })
}

export function unknownWebhook(id: string): RegistryError {
  return new RegistryError('NOT_FOUND', { message: 'no such webhook', detail: { id } })
}
