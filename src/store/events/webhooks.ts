/** The rows of webhooks. manage-webhooks.ts changes them. This file does not interpret their JSON. */
import type { Database } from '../database/database.ts'
import { type Query, sql, statements } from '../database/statement.ts'

const SQL = statements('webhooks', {
  list: sql<[last: string, limit: number], WebhookRow>(`
    SELECT id, name, config, secrets, disabled, created_at, updated_at FROM webhooks
    WHERE name > ?1 ORDER BY name LIMIT ?2`),
})

export interface StoredWebhook {
  id: string
  name: string
  /** Parsed JSON that is not validated, as are the secrets. */
  config: unknown
  /** Null if deliveries are not signed. */
  secrets: unknown
  disabled: boolean
  /** Milliseconds since the epoch. */
  createdAt: number
  updatedAt: number
}

export interface WebhookRow {
  id: string
  name: string
  config: string
  secrets: string | null
  disabled: number
  created_at: number
  updated_at: number
}

/** Up to `limit` webhooks in the order of names, after the name `last` ('' for the beginning). */
export function webhookRows(db: Database, last: string, limit: number): Query<WebhookRow> {
  return SQL.list(db, last, limit)
}

export function webhookOf(row: WebhookRow): StoredWebhook {
  return {
    id: row.id,
    name: row.name,
    config: JSON.parse(row.config),
    secrets: row.secrets === null ? null : JSON.parse(row.secrets),
    disabled: row.disabled === 1,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}
