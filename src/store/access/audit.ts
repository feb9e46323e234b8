/** The audit log: one row for each change by the administration API, written in the batch of the change. */

import type { Json } from '../../oci/errors.ts'
import type { Database } from '../database/database.ts'
import { type Query, sql, statements } from '../database/statement.ts'

/** The columns of a row except its id. */
type Columns = [
  at: number,
  actor: string,
  address: string,
  requestId: string,
  action: string,
  target: string,
  detail: string,
]

const SQL = statements('audit', {
  note: sql<Columns>(`
    INSERT INTO audit (at, actor, address, request_id, action, target, detail)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE changes() > 0`),
  noteMade: sql<Columns>(`
    INSERT INTO audit (at, actor, address, request_id, action, target, detail)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`),
  list: sql<
    [
      before: number,
      limit: number,
      actor: string | null,
      action: string | null,
      since: number | null,
      until: number | null,
    ],
    Row
  >(`
    SELECT id, at, actor, address, request_id, action, target, detail FROM audit
    WHERE id < ?1
      AND (?3 IS NULL OR actor = ?3) AND (?4 IS NULL OR action = ?4)
      AND (?5 IS NULL OR at >= ?5) AND (?6 IS NULL OR at < ?6)
    ORDER BY id DESC LIMIT ?2`),
})

/** Who makes a change, by which request, and when. */
export interface ChangedBy {
  /** The caller's subject; '' if the registry is open to everybody. */
  actor: string
  address: string
  requestId: string
  /** Milliseconds since the epoch. The change itself has the same time. */
  at: number
}

export interface Change {
  /** A noun and a verb: `account.create`. */
  action: string
  /** The name or key of the changed thing. */
  target: string
  /** How it was changed. It never holds a secret, nor anything from which a secret can be derived. */
  detail: Json
}

export interface AuditRow extends ChangedBy, Change {
  id: number
}

/** Stands in the batch directly after the statement that makes the change. Records the change if that statement changed a row. */
export function noteChange(db: Database, by: ChangedBy, change: Change): Query<never> {
  return SQL.note(db, ...columnsOf(by, change))
}

/** Records a change that has no batch: new keys that sign tokens. */
export async function noteMade(db: Database, by: ChangedBy, change: Change): Promise<void> {
  await SQL.noteMade(db, ...columnsOf(by, change)).run()
}

function columnsOf(
  { at, actor, address, requestId }: ChangedBy,
  { action, target, detail }: Change,
): Columns {
  return [at, actor, address, requestId, action, target, JSON.stringify(detail)]
}

interface Row {
  id: number
  at: number
  actor: string
  address: string
  request_id: string
  action: string
  target: string
  detail: string
}

/** A field that is missing filters nothing. */
export interface AuditFilter {
  actor?: string | undefined
  action?: string | undefined
  /** Milliseconds since the epoch; inclusive. */
  since?: number | undefined
  /** Milliseconds since the epoch; exclusive. */
  until?: number | undefined
}

/** Up to `limit` rows with ids below `before`, the newest first. */
export async function listAudit(
  db: Database,
  before: number,
  limit: number,
  { actor, action, since, until }: AuditFilter = {},
): Promise<AuditRow[]> {
  const { results } = await SQL.list(
    db,
    before,
    limit,
    actor ?? null,
    action ?? null,
    since ?? null,
    until ?? null,
  ).all()
  return results.map(({ request_id, detail, ...row }) => ({
    ...row,
    requestId: request_id,
    detail: JSON.parse(detail),
  }))
}
