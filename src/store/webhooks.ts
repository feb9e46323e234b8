/** Endpoints that the administration API manages. What a configuration means is not known here: it is JSON. */
import type { Json } from '../oci/errors.ts'
import { type ChangedBy, noteChange } from './audit.ts'

const COLUMNS = 'id, name, config, secrets, disabled, created_at, updated_at'

const SQL = {
  list: `SELECT ${COLUMNS} FROM webhooks WHERE name > ?1 ORDER BY name LIMIT ?2`,
  find: `SELECT ${COLUMNS} FROM webhooks WHERE name = ?1`,
  create: `
    INSERT INTO webhooks (id, name, config, secrets, disabled, created_at, updated_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT (name) DO NOTHING`,
  update: `
    UPDATE webhooks SET config = ?2, secrets = ?3, disabled = ?4, updated_at = ?5 WHERE name = ?1`,
  remove: `DELETE FROM webhooks WHERE name = ?1`,
} as const

export interface NewWebhook {
  name: string
  config: Json
  secrets: Json
  disabled: boolean
}

export interface StoredWebhook {
  id: string
  name: string
  /** Parsed JSON, as are the secrets; to be validated. */
  config: unknown
  /** Null where nothing is signed. */
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

/** Of WebhookRow: up to `limit` by name, after the name `last` ('' begins at the first). */
export function webhookRows(db: D1Database, last: string, limit: number): D1PreparedStatement {
  return db.prepare(SQL.list).bind(last, limit)
}

export async function listWebhooks(
  db: D1Database,
  last: string,
  limit: number,
): Promise<StoredWebhook[]> {
  const { results } = await webhookRows(db, last, limit).all<WebhookRow>()
  return results.map(webhookOf)
}

export async function findWebhook(db: D1Database, name: string): Promise<StoredWebhook | null> {
  const row = await db.prepare(SQL.find).bind(name).first<WebhookRow>()
  return row && webhookOf(row)
}

/**
 * `detail` is for the audit log: no secret, and no URL, which may hold one.
 * @returns false where there is a webhook of this name already
 */
export async function createWebhook(
  db: D1Database,
  by: ChangedBy,
  { name, config, secrets, disabled }: NewWebhook,
  detail: Json,
): Promise<boolean> {
  const [created] = await db.batch([
    db
      .prepare(SQL.create)
      .bind(crypto.randomUUID(), name, JSON.stringify(config), text(secrets), +disabled, by.at),
    noteChange(db, by, { action: 'webhook.create', target: name, detail }),
  ])
  return created?.meta.changes !== 0
}

/** Replaces all but the name. Returns false where there is no such webhook. */
export async function updateWebhook(
  db: D1Database,
  by: ChangedBy,
  { name, config, secrets, disabled }: NewWebhook,
  detail: Json,
): Promise<boolean> {
  const [updated] = await db.batch([
    db.prepare(SQL.update).bind(name, JSON.stringify(config), text(secrets), +disabled, by.at),
    noteChange(db, by, { action: 'webhook.update', target: name, detail }),
  ])
  return updated?.meta.changes !== 0
}

/** Its deliveries and dead letters go with it. Returns false where there is no such webhook. */
export async function removeWebhook(db: D1Database, by: ChangedBy, name: string): Promise<boolean> {
  const [, noted] = await db.batch([
    db.prepare(SQL.remove).bind(name),
    noteChange(db, by, { action: 'webhook.delete', target: name, detail: {} }),
  ])
  return noted?.meta.changes !== 0
}

function text(secrets: Json): string | null {
  return secrets === null ? null : JSON.stringify(secrets)
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
