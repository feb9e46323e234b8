/** The statements that remove a list of manifests in a batch. */

import { TOMBSTONE_GRACE_MS } from '../bytes/tombstones.ts'
import type { Database } from '../database/database.ts'
import { type Query, sql, statements } from '../database/statement.ts'
import { eventJson, type OutboxEvent } from '../events/outbox.ts'

export interface DigestRow {
  digest: string
}

const SQL = statements('remove-listed', {
  tell: sql<
    [repository: string, digests: string, id: string, at: number, event: string, dueAt: number]
  >(`
    INSERT INTO events (id, at, action, repository, event, due_at)
    SELECT ?3 || '/' || digest, ?4, 'delete', ?1,
      json_set(?5, '$.id', ?3 || '/' || digest, '$.target.digest', digest, '$.target.kind', 'manifest'), ?6
    FROM repositories
    JOIN manifests ON manifests.repository_id = repositories.id
    WHERE repositories.name = ?1 AND digest IN (SELECT value FROM json_each(?2))`),
  bury: sql<[repository: string, digests: string, deleteAfter: number]>(`
    INSERT OR IGNORE INTO tombstones (storage_key, delete_after)
    SELECT manifests.storage_key, ?3 FROM repositories
    JOIN manifests ON manifests.repository_id = repositories.id
    WHERE repositories.name = ?1 AND manifests.digest IN (SELECT value FROM json_each(?2))
      AND manifests.storage_key IS NOT NULL`),
  remove: sql<[repository: string, digests: string], DigestRow>(`
    DELETE FROM manifests
    WHERE repository_id = (SELECT id FROM repositories WHERE name = ?1)
      AND digest IN (SELECT value FROM json_each(?2))
    RETURNING digest`),
})

/**
 * Removes the manifests `digests` and buries their bytes. Each has an event like `event` with the id `<id of event>/<digest>`. The last
 * statement returns the removed manifests. The schema refuses if an index refers to one of them.
 * @param dueAt the time from which the sweep of the outbox announces the events, in milliseconds since the epoch
 */
export function removeListed(
  db: Database,
  event: OutboxEvent,
  digests: readonly string[],
  dueAt: number,
): [tell: Query<never>, bury: Query<never>, remove: Query<DigestRow>] {
  const { id, timestamp, target } = event
  const { repository } = target
  const list = JSON.stringify(digests)
  const at = Date.parse(timestamp)
  return [
    SQL.tell(db, repository, list, id, at, eventJson(event), dueAt),
    SQL.bury(db, repository, list, Date.now() + TOMBSTONE_GRACE_MS),
    SQL.remove(db, repository, list),
  ]
}
