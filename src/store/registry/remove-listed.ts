/** Removing manifests of a list: the statements that a batch has for it. */

import { TOMBSTONE_GRACE_MS } from '../bytes/tombstones.ts'
import type { Database, Statement } from '../database/database.ts'
import { eventJson, type OutboxEvent } from '../events/outbox.ts'

/** ?1 is the repository, ?2 a JSON array of digests; of an event ?3 is its id, ?4 when it happened, ?5 its JSON, ?6 when it is due. */
const SQL = {
  tell: `
    INSERT INTO events (id, at, action, repository, event, due_at)
    SELECT ?3 || '/' || digest, ?4, 'delete', ?1,
      json_set(?5, '$.id', ?3 || '/' || digest, '$.target.digest', digest, '$.target.kind', 'manifest'), ?6
    FROM repositories
    JOIN manifests ON manifests.repository_id = repositories.id
    WHERE repositories.name = ?1 AND digest IN (SELECT value FROM json_each(?2))`,
  bury: `
    INSERT OR IGNORE INTO tombstones (storage_key, delete_after)
    SELECT manifests.storage_key, ?3 FROM repositories
    JOIN manifests ON manifests.repository_id = repositories.id
    WHERE repositories.name = ?1 AND manifests.digest IN (SELECT value FROM json_each(?2))
      AND manifests.storage_key IS NOT NULL`,
  remove: `
    DELETE FROM manifests
    WHERE repository_id = (SELECT id FROM repositories WHERE name = ?1)
      AND digest IN (SELECT value FROM json_each(?2))
    RETURNING digest`,
} as const

/**
 * Removes the manifests `digests`, and buries their bytes. Each has an event like `event`, whose id is `<id of event>/<digest>`. The
 * last statement returns those that went. The schema refuses where an index refers to one of them.
 * @param dueAt when the sweep of the outbox is to announce the events: milliseconds since the epoch
 */
export function removeListed(
  db: Database,
  event: OutboxEvent,
  digests: readonly string[],
  dueAt: number,
): Statement[] {
  const { id, timestamp, target } = event
  const { repository } = target
  const list = JSON.stringify(digests)
  const at = Date.parse(timestamp)
  return [
    db.prepare(SQL.tell).bind(repository, list, id, at, eventJson(event), dueAt),
    db.prepare(SQL.bury).bind(repository, list, Date.now() + TOMBSTONE_GRACE_MS),
    db.prepare(SQL.remove).bind(repository, list),
  ]
}
