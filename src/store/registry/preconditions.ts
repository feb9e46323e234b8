/**
 * Preconditions of a change (RFC 9110, If-Match and If-None-Match). The batch of the change checks them, so that one of two writers
 * wins. A batch that is repeated fails earlier, at the id of its event (change.ts).
 */
import type { Preconditions } from '../../lib/conditional.ts'
import type { Database } from '../database/database.ts'
import { type Query, sql, statements } from '../database/statement.ts'
import type { OutboxEvent } from '../events/outbox.ts'

type Checked = [
  eventId: string,
  repository: string,
  subject: string,
  ifMatch: string | null,
  ifNoneMatch: string | null,
]

/** Takes the JSON from the event. The schema refuses that, so the whole batch fails. */
const unless = (current: string) => `
    WITH current AS (${current})
    UPDATE events SET event = NULL
    WHERE id = ?1 AND (
      (?4 IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM current, json_each(?4) AS wanted WHERE wanted.value IN ('*', current.digest)))
      OR EXISTS (
        SELECT 1 FROM current, json_each(?5) AS wanted WHERE wanted.value IN ('*', current.digest)))`

const SQL = statements('preconditions', {
  unlessTag: sql<Checked>(
    unless(`
      SELECT tags.digest FROM repositories
      JOIN tags ON tags.repository_id = repositories.id
      WHERE repositories.name = ?2 AND tags.name = ?3`),
  ),
  unlessManifest: sql<Checked>(
    unless(`
      SELECT manifests.digest FROM repositories
      JOIN manifests ON manifests.repository_id = repositories.id
      WHERE repositories.name = ?2 AND manifests.digest = ?3`),
  ),
})

/** The tag or digest in the request's path. The preconditions apply to it. */
export type Subject = { tag: string } | { digest: string }

/**
 * The statement that fails the batch if the preconditions are not met; none without preconditions. It comes after the one that records
 * `event`. If that recorded nothing, there is nothing to change and the batch does not fail.
 */
export function checkPreconditions(
  db: Database,
  event: OutboxEvent,
  repository: string,
  subject: Subject,
  { ifMatch, ifNoneMatch }: Preconditions,
): Query<never>[] {
  if (ifMatch === null && ifNoneMatch === null) return []
  const lists = [asList(ifMatch), asList(ifNoneMatch)] as const
  return [
    'tag' in subject
      ? SQL.unlessTag(db, event.id, repository, subject.tag, ...lists)
      : SQL.unlessManifest(db, event.id, repository, subject.digest, ...lists),
  ]
}

function asList(condition: Preconditions['ifMatch']): string | null {
  return condition && JSON.stringify(condition)
}

/** Whether a batch failed because the preconditions were not met. */
export function isPreconditionError(error: unknown): boolean {
  return (
    error instanceof Error && error.message.includes('NOT NULL constraint failed: events.event')
  )
}
