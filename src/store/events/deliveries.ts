/**
 * Deliveries: the state of one event for one endpoint. A pending delivery holds the event. The event is dropped when it is delivered or
 * becomes a dead letter.
 */
import type { Database } from '../database/database.ts'
import { type Query, runBatch, sql, statements } from '../database/statement.ts'

/** The last deliveries of an endpoint that are kept. As many dead ones are kept. */
const KEPT_OF_AN_ENDPOINT = 100

/** A bound value takes up to 2 MB, and a character up to three bytes. */
const CHARACTERS_AT_ONCE = 500_000

const COLUMNS =
  'event_id, endpoint, state, action, repository, event, attempts, first_at, next_at, status, ms, error, excerpt, updated_at'

const SQL = statements('deliveries', {
  put: sql<[deliveries: string, now: number]>(`
    INSERT INTO deliveries (${COLUMNS})
    SELECT value ->> 'eventId', value ->> 'endpoint', value ->> 'state', value ->> 'action',
      value ->> 'repository', value ->> 'event', value ->> 'attempts', value ->> 'firstAt',
      value ->> 'nextAt', value ->> 'status', value ->> 'ms', value ->> 'error',
      value ->> 'excerpt', ?2
    FROM json_each(?1) WHERE true
    ON CONFLICT (event_id, endpoint) DO UPDATE SET state = excluded.state, event = excluded.event,
      attempts = excluded.attempts, next_at = excluded.next_at, status = excluded.status,
      ms = excluded.ms, error = excluded.error, excerpt = excluded.excerpt,
      updated_at = excluded.updated_at
    WHERE deliveries.state = 'pending'`),
  keysOfEvents: sql<[eventIds: string], DeliveryKeyRow>(`
    SELECT event_id, endpoint FROM deliveries
    WHERE event_id IN (SELECT value FROM json_each(?1))`),
  find: sql<[keys: string], DeliveryRow>(`
    SELECT ${COLUMNS} FROM json_each(?1) AS wanted
    JOIN deliveries ON event_id = wanted.value ->> 'eventId' AND endpoint = wanted.value ->> 'endpoint'`),
  overdue: sql<[before: number, limit: number], DeliveryKeyRow>(`
    SELECT event_id, endpoint FROM deliveries
    WHERE state = 'pending' AND next_at <= ?1 ORDER BY next_at LIMIT ?2`),
  postpone: sql<[keys: string, nextAt: number]>(`
    UPDATE deliveries SET next_at = ?2
    FROM json_each(?1) AS wanted
    WHERE event_id = wanted.value ->> 'eventId' AND endpoint = wanted.value ->> 'endpoint'
      AND state = 'pending'`),
  list: sql<[endpoint: string, state: DeliveryState, limit: number], DeliveryRow>(`
    SELECT ${COLUMNS} FROM deliveries
    WHERE endpoint = ?1 AND state = ?2 ORDER BY updated_at DESC LIMIT ?3`),
  trim: sql<[endpoint: string, state: DeliveryState, kept: number]>(`
    DELETE FROM deliveries WHERE endpoint = ?1 AND state = ?2 AND updated_at < (
      SELECT updated_at FROM deliveries WHERE endpoint = ?1 AND state = ?2
      ORDER BY updated_at DESC LIMIT 1 OFFSET ?3)`),
})

export type DeliveryState = 'pending' | 'delivered' | 'dead'

export interface DeliveryKey {
  endpoint: string
  eventId: string
}

export interface Delivery extends DeliveryKey {
  state: DeliveryState
  action: string
  repository: string
  /** JSON while the delivery is pending, then null. */
  event: string | null
  attempts: number
  /** The first due time. All times are milliseconds since the epoch. */
  firstAt: number
  /** The time of the next attempt; null if there is none. */
  nextAt: number | null
  /** The status of the last attempt's answer; null if there was none. The next three are of the last attempt, too. */
  status: number | null
  ms: number | null
  /** Null after a success. */
  error: string | null
  /** The first 1 KiB of the answer. */
  excerpt: string | null
}

export interface StoredDelivery extends Delivery {
  updatedAt: number
}

export interface DeliveryRow {
  event_id: string
  endpoint: string
  state: DeliveryState
  action: string
  repository: string
  event: string | null
  attempts: number
  first_at: number
  next_at: number | null
  status: number | null
  ms: number | null
  error: string | null
  excerpt: string | null
  updated_at: number
}

/** Inserts or updates the deliveries. Those that are no longer pending stay as they are. */
export function putDeliveries(
  db: Database,
  deliveries: readonly Delivery[],
  now: number,
): Query<never>[] {
  return chunksOf(deliveries.map((delivery) => JSON.stringify(delivery))).map((chunk) =>
    SQL.put(db, `[${chunk.join(',')}]`, now),
  )
}

function chunksOf(texts: readonly string[]): string[][] {
  const chunks: string[][] = []
  let room = 0
  for (const text of texts) {
    room -= text.length + 1
    if (room < 0) {
      chunks.push([])
      room = CHARACTERS_AT_ONCE - text.length
    }
    chunks.at(-1)?.push(text)
  }
  return chunks
}

/** The keys of all deliveries of these events. */
export function deliveryKeysOf(db: Database, eventIds: readonly string[]): Query<DeliveryKeyRow> {
  return SQL.keysOfEvents(db, JSON.stringify(eventIds))
}

export interface DeliveryKeyRow {
  event_id: string
  endpoint: string
}

/** The deliveries with these keys. Missing ones are left out. */
export function deliveriesByKey(db: Database, keys: readonly DeliveryKey[]): Query<DeliveryRow> {
  return SQL.find(db, JSON.stringify(keys))
}

/** Up to `limit` pending deliveries that were due at `before` or earlier, the longest overdue first. */
export async function overdueDeliveries(
  db: Database,
  before: number,
  limit: number,
): Promise<DeliveryKey[]> {
  const { results } = await SQL.overdue(db, before, limit).all()
  return results.map(({ event_id, endpoint }) => ({ endpoint, eventId: event_id }))
}

/** Sets the time of the next attempt of pending deliveries. */
export function postponeDeliveries(
  db: Database,
  keys: readonly DeliveryKey[],
  nextAt: number,
): Query<never> {
  return SQL.postpone(db, JSON.stringify(keys), nextAt)
}

/** Up to `limit` deliveries of an endpoint in any of the states, the last changed first. */
export async function listDeliveries(
  db: Database,
  endpoint: string,
  states: readonly DeliveryState[],
  limit: number,
): Promise<StoredDelivery[]> {
  const statements = states.map((state) => SQL.list(db, endpoint, state, limit))
  const results = await runBatch(db, statements)
  return results
    .flatMap(({ results: rows }) => rows.map(deliveryOf))
    .sort((one, other) => other.updatedAt - one.updatedAt)
    .slice(0, limit)
}

/** Removes all but the last deliveries of each endpoint. Pending ones stay. */
export async function trimDeliveries(db: Database, endpoints: readonly string[]): Promise<void> {
  if (endpoints.length === 0) return
  await runBatch(
    db,
    endpoints.flatMap((endpoint) =>
      (['delivered', 'dead'] as const).map((state) =>
        SQL.trim(db, endpoint, state, KEPT_OF_AN_ENDPOINT - 1),
      ),
    ),
  )
}

export function deliveryOf(row: DeliveryRow): StoredDelivery {
  const { event_id, first_at, next_at, updated_at, ...same } = row
  return {
    ...same,
    eventId: event_id,
    firstAt: first_at,
    nextAt: next_at,
    updatedAt: updated_at,
  }
}
