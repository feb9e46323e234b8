/**
 * Changes of webhooks by the administration API. A change takes effect only if the webhook is still as the caller read it, so that of
 * two concurrent changes neither undoes the other. Configurations and secrets are JSON text here.
 */

import { type ChangedBy, noteChange } from '../access/audit.ts'
import type { Database } from '../database/database.ts'
import { runBatch, sql, statements } from '../database/statement.ts'

const SQL = statements('manage-webhooks', {
  create: sql<
    [
      id: string,
      name: string,
      config: string,
      secrets: string,
      disabled: number,
      now: number,
      max: number,
    ]
  >(`
    INSERT INTO webhooks (id, name, config, secrets, disabled, created_at, updated_at)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?6
    WHERE ?7 > (SELECT count(*) FROM webhooks WHERE name > '')
    ON CONFLICT (name) DO NOTHING`),
  hasName: sql<[name: string], unknown>(`SELECT 1 FROM webhooks WHERE name = ?1`),
  configure: sql<
    [id: string, before: string, after: string, disabled: number | null, now: number]
  >(`
    UPDATE webhooks SET config = ?3, disabled = ifnull(?4, disabled), updated_at = ?5
    WHERE id = ?1 AND config = ?2`),
  setSecrets: sql<[id: string, before: string | null, after: string, now: number]>(`
    UPDATE webhooks SET secrets = ?3, updated_at = ?4 WHERE id = ?1 AND secrets IS ?2`),
  remove: sql<[id: string]>(`DELETE FROM webhooks WHERE id = ?1`),
})

export interface NewManagedWebhook {
  name: string
  /** JSON text, as are the secrets. */
  config: string
  secrets: string
  disabled: boolean
}

/** The detail of a change for the audit log. It has no secrets, no values of headers, and no URLs, which may hold secrets. */
export type WebhookDetail = Record<string, string | number | boolean | string[] | null>

/** Returns the id, or the reason why no webhook was created: the name is taken, or there are `max` webhooks. */
export async function createManagedWebhook(
  db: Database,
  by: ChangedBy,
  { name, config, secrets, disabled }: NewManagedWebhook,
  max: number,
  detail: WebhookDetail,
): Promise<{ id: string } | 'name taken' | 'too many'> {
  const id = crypto.randomUUID()
  const [created, , taken] = await runBatch(db, [
    SQL.create(db, id, name, config, secrets, +disabled, by.at, max),
    noteChange(db, by, { action: 'webhook.create', target: id, detail: { name, ...detail } }),
    SQL.hasName(db, name),
  ])
  if (created.meta.changes !== 0) return { id }
  return taken.results.length === 0 ? 'too many' : 'name taken'
}

/** The configuration before and after, as JSON text. `disabled` stays as it is if it is null. */
export interface Reconfiguration {
  before: string
  after: string
  disabled: boolean | null
}

/** Returns false if the configuration is no longer `before` or the webhook is gone. */
export async function configureWebhook(
  db: Database,
  by: ChangedBy,
  id: string,
  { before, after, disabled }: Reconfiguration,
  detail: WebhookDetail,
): Promise<boolean> {
  const [updated] = await runBatch(db, [
    SQL.configure(db, id, before, after, disabled === null ? null : +disabled, by.at),
    noteChange(db, by, { action: 'webhook.update', target: id, detail }),
  ])
  return updated.meta.changes !== 0
}

/** Returns false if the secrets are no longer `before` or the webhook is gone. */
export async function replaceWebhookSecrets(
  db: Database,
  by: ChangedBy,
  id: string,
  { before, after }: { before: string | null; after: string },
  detail: WebhookDetail,
): Promise<boolean> {
  const [updated] = await runBatch(db, [
    SQL.setSecrets(db, id, before, after, by.at),
    noteChange(db, by, { action: 'webhook.rotate-secret', target: id, detail }),
  ])
  return updated.meta.changes !== 0
}

/** Removes the webhook, its deliveries and its dead letters. Returns false if the webhook does not exist. */
export async function removeManagedWebhook(
  db: Database,
  by: ChangedBy,
  id: string,
): Promise<boolean> {
  const [, noted] = await runBatch(db, [
    SQL.remove(db, id),
    noteChange(db, by, { action: 'webhook.delete', target: id, detail: {} }),
  ])
  return noted.meta.changes !== 0
}
