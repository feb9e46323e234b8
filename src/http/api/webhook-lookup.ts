/** Finds the webhooks that operations are about: those of this API, and those of the WEBHOOKS variable. */
import type { Context } from 'hono'
import { endpointStatements, type KnownEndpoint, readEndpoints } from '../../events/endpoints.ts'
import { RegistryError } from '../../oci/errors.ts'
import type { WebhookRow } from '../../store/webhooks.ts'
import type { AppEnv } from '../context.ts'

export interface Webhook {
  endpoint: KnownEndpoint
  /** Null for one of the WEBHOOKS variable. */
  row: WebhookRow | null
}

/** First those of the variable, in its order; then the others by name. */
export async function readWebhooks(c: Context<AppEnv>): Promise<Webhook[]> {
  // As in loadEndpoints: a batch cannot tell which rows each of its results has.
  const [webhooks, states] = await c.var.db.batch<never>(endpointStatements(c.var.db))
  const rows: WebhookRow[] = webhooks?.results ?? []
  const rowOf = new Map(rows.map((row) => [row.id, row]))
  return readEndpoints(rows, states?.results ?? [], c.var.settings, Date.now()).map((endpoint) => ({
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

/** @throws {RegistryError} NOT_FOUND; CONFLICT for one of the WEBHOOKS variable */
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
