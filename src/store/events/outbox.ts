/**
 * The outbox, which is the feed, too: an event is written in the batch of the change that it tells of, so that there is neither one
 * without the other. A batch that comes a second time fails at its event's id: see change.ts. An event is settled when nothing has
 * to be sent any more, and forgotten when it is old.
 */
import type { Database } from '../database/database.ts'
import { type Query, sql, statements } from '../database/statement.ts'

/** An event that no consumer settled is sent again after so long: a queue has usually delivered it by then. */
export const FIRST_SWEEP_AFTER_MS = 30_000

/** What is larger is written without the references: they are all that makes an event large, and the manifest has them, too. */
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

/** What the outbox knows of an event; all of it is kept as JSON. */
export interface OutboxEvent {
  id: string
  /** RFC 3339. */
  timestamp: string
  action: string
  target: { repository: string; references?: unknown }
}

/** What has to be in the database for the event to be written: that is what makes it true. */
export type Witness =
  | { repository: string; tag: string }
  | { repository: string; manifest: string }
  | { repository: string; blob: string }

/** Stands in the batch of a change that either happens or fails the batch: a push. */
export function recordEvent(db: Database, event: OutboxEvent): Query<never> {
  return SQL.record(db, ...columns(event))
}

/**
 * Stands in the batch of a change that may find nothing to change: the witness of a delete is what it deletes, that of a mount is
 * the blob in the repository that it comes from.
 */
export function recordEventIf(db: Database, event: OutboxEvent, witness: Witness): Query<never> {
  const { repository } = witness
  const row = columns(event)
  if ('tag' in witness) return SQL.recordWithTag(db, ...row, repository, witness.tag)
  if ('manifest' in witness) return SQL.recordWithManifest(db, ...row, repository, witness.manifest)
  return SQL.recordWithBlob(db, ...row, repository, witness.blob)
}

/**
 * Stands in the batch that removes a manifest, before the removal: one event for each tag that the schema removes with it. They look
 * like those of tags that are deleted by name. Their ids are `<id of event>/<tag>`.
 */
export function recordTagEvents(db: Database, event: OutboxEvent, manifest: string): Query<never> {
  const { repository } = event.target
  const ofTag = { ...event, target: { repository, tag: '' } }
  return SQL.recordForTags(db, ...columns(ofTag), manifest)
}

/** Up to `limit` events, as JSON, that were recorded with the event `id` for what went with its target. */
export async function cascadeEvents(db: Database, id: string, limit: number): Promise<string[]> {
  const { results } = await SQL.cascade(db, id, limit).all()
  return results.map(({ event }) => event)
}

function columns(event: OutboxEvent): EventColumns {
  const { id, timestamp, action, target } = event
  const at = Date.parse(timestamp)
  return [id, at, action, target.repository, eventJson(event), at + FIRST_SWEEP_AFTER_MS]
}

/** The event as it is kept and queued. */
export function eventJson(event: OutboxEvent): string {
  const json = JSON.stringify(event)
  return json.length <= LARGEST_EVENT_CHARACTERS ? json : JSON.stringify(truncated(event))
}

/**
 * Whether so many events of one change may each have the references. Together they take no more room than one event: 64 tags would
 * else write a large list 64 times.
 */
export function haveRoomFor(references: readonly unknown[], events: number): boolean {
  return JSON.stringify(references).length * events <= LARGEST_EVENT_CHARACTERS
}

/** The event without its references, which says that they are left out. */
export function truncated<Event extends Pick<OutboxEvent, 'target'>>(event: Event): Event {
  const { references, ...target } = event.target
  return references === undefined ? event : { ...event, target: { ...target, truncated: true } }
}

export interface UnsettledEvent {
  id: string
  /** JSON; null where it is large: a thousand of those have no room in memory. */
  event: string | null
}

const LARGE_CHARACTERS = 30_000

/** Up to `limit` events that should be settled and are not. */
export async function unsettledEvents(
  db: Database,
  before: number,
  limit: number,
): Promise<UnsettledEvent[]> {
  const { results } = await SQL.unsettled(db, before, limit, LARGE_CHARACTERS).all()
  return results
}

/** They were sent again, and are not due before `until`. */
export function postponeEvents(db: Database, ids: readonly string[], until: number): Query<never> {
  return SQL.postpone(db, JSON.stringify(ids), until)
}

/** Ids of events that have no row, such as those of pulls, are left alone. */
export function settleEvents(db: Database, ids: readonly string[], now: number): Query<never> {
  return SQL.settle(db, JSON.stringify(ids), now)
}

export interface EventRow {
  id: string
  /** JSON; null where it was not asked for. */
  event: string | null
  settled_at: number | null
}

/** The events of `ids` that there are; those of `wanted` have the event's JSON. */
export function eventsById(
  db: Database,
  ids: readonly string[],
  wanted: readonly string[],
): Query<EventRow> {
  return SQL.find(db, JSON.stringify(ids), JSON.stringify(wanted))
}

/** Removes up to `limit` settled events that happened before `before`. Returns how many went. */
export async function forgetEvents(db: Database, before: number, limit: number): Promise<number> {
  const { meta } = await SQL.forget(db, before, limit).run()
  return meta.changes
}
