/**
 * The outbox, which is also the feed of events. The batch of a change records its event, so that neither exists without the other. A
 * batch that is repeated fails at the id of its event (change.ts). An event is settled when nothing of it is left to send. Old settled
 * events are removed.
 */
import type { Database } from '../database/database.ts'
import { type Query, sql, statements } from '../database/statement.ts'

/** An event that is not settled after this time is sent again. A queue has usually delivered it by then. */
export const FIRST_SWEEP_AFTER_MS = 30_000

/** A larger event is recorded without its references. Only they make an event large, and the manifest has them, too. */
const LARGEST_EVENT_CHARACTERS = 200_000

type EventColumns = [
  id: string,
  at: number,
  action: string,
  repository: string,
  event: string,
  dueAt: number,
]

const SQL = statements('outbox', {
  record: sql<EventColumns>(`
    INSERT INTO events (id, at, action, repository, event, due_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)`),
  recordWithTag: sql<[...event: EventColumns, repository: string, tag: string]>(`
    INSERT INTO events (id, at, action, repository, event, due_at)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6 FROM repositories
    JOIN tags ON tags.repository_id = repositories.id
    WHERE repositories.name = ?7 AND tags.name = ?8`),
  recordWithManifest: sql<[...event: EventColumns, repository: string, digest: string]>(`
    INSERT INTO events (id, at, action, repository, event, due_at)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6 FROM repositories
    JOIN manifests ON manifests.repository_id = repositories.id
    WHERE repositories.name = ?7 AND manifests.digest = ?8`),
  recordWithBlob: sql<[...event: EventColumns, repository: string, digest: string]>(`
    INSERT INTO events (id, at, action, repository, event, due_at)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6 FROM repositories
    JOIN repository_blobs ON repository_blobs.repository_id = repositories.id
    WHERE repositories.name = ?7 AND repository_blobs.digest = ?8`),
  recordForTags: sql<[...event: EventColumns, manifest: string]>(`
    INSERT INTO events (id, at, action, repository, event, due_at)
    SELECT ?1 || '/' || tags.name, ?2, ?3, ?4,
      json_set(?5, '$.id', ?1 || '/' || tags.name, '$.target.tag', tags.name), ?6
    FROM repositories
    JOIN tags ON tags.repository_id = repositories.id
    WHERE repositories.name = ?4 AND tags.digest = ?7
    ORDER BY tags.name`),
  cascade: sql<[id: string, limit: number], { event: string }>(`
    SELECT event FROM events WHERE id > ?1 || '/' AND id < ?1 || '0' ORDER BY id LIMIT ?2`),
  unsettled: sql<[before: number, limit: number, maxCharacters: number], UnsettledEvent>(`
    SELECT id, iif(length(event) <= ?3, event, NULL) AS event FROM events
    WHERE settled_at IS NULL AND due_at <= ?1 ORDER BY due_at LIMIT ?2`),
  postpone: sql<[ids: string, until: number]>(`
    UPDATE events SET due_at = ?2
    WHERE id IN (SELECT value FROM json_each(?1)) AND settled_at IS NULL`),
  settle: sql<[ids: string, now: number]>(`
    UPDATE events SET settled_at = ?2
    WHERE id IN (SELECT value FROM json_each(?1)) AND settled_at IS NULL`),
  find: sql<[ids: string, wanted: string], EventRow>(`
    SELECT id, iif(id IN (SELECT value FROM json_each(?2)), event, NULL) AS event, settled_at
    FROM events WHERE id IN (SELECT value FROM json_each(?1))`),
  forget: sql<[before: number, limit: number]>(`
    DELETE FROM events WHERE seq IN (
      SELECT seq FROM events WHERE settled_at IS NOT NULL AND at < ?1 ORDER BY at LIMIT ?2)`),
})

/** The fields of an event that the outbox knows. The whole event is kept as JSON. */
export interface OutboxEvent {
  id: string
  /** RFC 3339. */
  timestamp: string
  action: string
  target: { repository: string; references?: unknown }
}

/** The content that must be in the database for the event to be recorded. */
export type Witness =
  | { repository: string; tag: string }
  | { repository: string; manifest: string }
  | { repository: string; blob: string }

/** Stands in the batch of a change that either happens or fails the batch, as a push does. */
export function recordEvent(db: Database, event: OutboxEvent): Query<never> {
  return SQL.record(db, ...columns(event))
}

/**
 * Stands in the batch of a change that may find nothing to change. The witness of a delete is the deleted content. The witness of a
 * mount is the blob in its source repository.
 */
export function recordEventIf(db: Database, event: OutboxEvent, witness: Witness): Query<never> {
  const { repository } = witness
  const row = columns(event)
  if ('tag' in witness) return SQL.recordWithTag(db, ...row, repository, witness.tag)
  if ('manifest' in witness) return SQL.recordWithManifest(db, ...row, repository, witness.manifest)
  return SQL.recordWithBlob(db, ...row, repository, witness.blob)
}

/**
 * Stands in the batch that removes a manifest, before the removal. Records an event for each tag that the schema removes with the
 * manifest, like the event of a tag that is deleted by name. Its id is `<id of event>/<tag>`.
 */
export function recordTagEvents(db: Database, event: OutboxEvent, manifest: string): Query<never> {
  const { repository } = event.target
  const ofTag = { ...event, target: { repository, tag: '' } }
  return SQL.recordForTags(db, ...columns(ofTag), manifest)
}

/** Up to `limit` events, as JSON, of the content that was removed together with the target of the event `id`. */
export async function cascadeEvents(db: Database, id: string, limit: number): Promise<string[]> {
  const { results } = await SQL.cascade(db, id, limit).all()
  return results.map(({ event }) => event)
}

function columns(event: OutboxEvent): EventColumns {
  const { id, timestamp, action, target } = event
  const at = Date.parse(timestamp)
  return [id, at, action, target.repository, eventJson(event), at + FIRST_SWEEP_AFTER_MS]
}

/** The event as JSON, as the outbox and the queue have it. */
export function eventJson(event: OutboxEvent): string {
  const json = JSON.stringify(event)
  return json.length <= LARGEST_EVENT_CHARACTERS ? json : JSON.stringify(truncated(event))
}

/** A descriptor is longer: its digest alone has 71 characters. */
const SHORTEST_REFERENCE_CHARACTERS = 100

/**
 * Whether each event of a change may have the references. All events together may take no more room than one. Otherwise a push with 64
 * tags would write a large list 64 times. A list that is certainly too long is not serialized.
 */
export function haveRoomFor(references: readonly unknown[], events: number): boolean {
  const room = LARGEST_EVENT_CHARACTERS / events
  const isTooLong = references.length * SHORTEST_REFERENCE_CHARACTERS > room
  return !isTooLong && JSON.stringify(references).length <= room
}

/** The event without its references. It says that they are left out. */
export function truncated<Event extends Pick<OutboxEvent, 'target'>>(event: Event): Event {
  const { references, ...target } = event.target
  return references === undefined ? event : { ...event, target: { ...target, truncated: true } }
}

export interface UnsettledEvent {
  id: string
  /** JSON; null if it is large, because a thousand large events do not fit into memory. */
  event: string | null
}

const LARGE_CHARACTERS = 30_000

/** Up to `limit` events that are not settled and were due at `before` or earlier. */
export async function unsettledEvents(
  db: Database,
  before: number,
  limit: number,
): Promise<UnsettledEvent[]> {
  const { results } = await SQL.unsettled(db, before, limit, LARGE_CHARACTERS).all()
  return results
}

/** Sets the due time of events that were sent again. */
export function postponeEvents(db: Database, ids: readonly string[], until: number): Query<never> {
  return SQL.postpone(db, JSON.stringify(ids), until)
}

/** Ignores ids without a row, such as those of pulls. */
export function settleEvents(db: Database, ids: readonly string[], now: number): Query<never> {
  return SQL.settle(db, JSON.stringify(ids), now)
}

export interface EventRow {
  id: string
  /** JSON; null if it was not wanted. */
  event: string | null
  settled_at: number | null
}

/** The events with these ids. Missing ones are left out. Those in `wanted` come with their JSON. */
export function eventsById(
  db: Database,
  ids: readonly string[],
  wanted: readonly string[],
): Query<EventRow> {
  return SQL.find(db, JSON.stringify(ids), JSON.stringify(wanted))
}

/** Removes up to `limit` settled events that happened before `before`. Returns their number. */
export async function forgetEvents(db: Database, before: number, limit: number): Promise<number> {
  const { meta } = await SQL.forget(db, before, limit).run()
  return meta.changes
}
