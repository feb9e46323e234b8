/** Dead letters: deliveries that were given up, with the last error. One of them, or all of an endpoint since a time, can be replayed. */
import type { Database } from '../database/database.ts'
import { type Query, runBatch, sql, statements } from '../database/statement.ts'
import type { DeliveryKey, DeliveryKeyRow } from './deliveries.ts'

const SQL = statements('dead-letters', {
  add: sql<[keys: string, now: number, otherwise: string]>(`
    INSERT INTO dead_letters (endpoint, event_id, event, error, attempts, at)
    SELECT deliveries.endpoint, event_id, event, ifnull(error, ?3), attempts, ?2
    FROM json_each(?1) AS wanted
    JOIN deliveries ON event_id = wanted.value ->> 'eventId'
      AND deliveries.endpoint = wanted.value ->> 'endpoint'
    WHERE state = 'pending'`),
  close: sql<[keys: string, now: number, otherwise: string]>(`
    UPDATE deliveries SET state = 'dead', event = NULL, next_at = NULL, error = ifnull(error, ?3),
      updated_at = ?2
    FROM json_each(?1) AS wanted
    WHERE event_id = wanted.value ->> 'eventId' AND endpoint = wanted.value ->> 'endpoint'
      AND state = 'pending'`),
  list: sql<[endpoint: string, before: number, limit: number], Row>(`
    SELECT id, endpoint, event_id, event, error, attempts, at, replayed_at FROM dead_letters
    WHERE endpoint = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3`),
  one: sql<[id: number, endpoint: string], { id: number }>(
    `SELECT id FROM dead_letters WHERE id = ?1 AND endpoint = ?2`,
  ),
  since: sql<[endpoint: string, since: number, limit: number], { id: number }>(`
    SELECT id FROM dead_letters
    WHERE endpoint = ?1 AND at >= ?2 AND replayed_at IS NULL ORDER BY at LIMIT ?3`),
  // A pending delivery is left alone. An event that cannot be read becomes a dead letter again and delays no others.
  reopen: sql<[ids: string, now: number]>(`
    INSERT INTO deliveries (event_id, endpoint, state, action, repository, event, attempts,
      first_at, next_at, updated_at)
    SELECT event_id, endpoint, 'pending',
      iif(json_valid(event), ifnull(event ->> '$.action', ''), ''),
      iif(json_valid(event), ifnull(event ->> '$.target.repository', ''), ''),
      event, 0, ?2, ?2, ?2
    FROM dead_letters WHERE id IN (SELECT value FROM json_each(?1))
    ON CONFLICT (event_id, endpoint) DO UPDATE SET state = 'pending', event = excluded.event,
      attempts = 0, first_at = ?2, next_at = ?2, updated_at = ?2
    WHERE deliveries.state <> 'pending'`),
  replayed: sql<[ids: string, now: number], DeliveryKeyRow>(`
    UPDATE dead_letters SET replayed_at = ?2
    WHERE id IN (SELECT value FROM json_each(?1)) RETURNING endpoint, event_id`),
  forget: sql<[before: number, limit: number]>(`
    DELETE FROM dead_letters WHERE id IN (
      SELECT id FROM dead_letters WHERE at < ?1 ORDER BY at LIMIT ?2)`),
})

/**
 * Gives up pending deliveries. Each becomes a dead letter with its last error, or with `otherwise` if it has none. Both statements
 * stand in one batch in this order.
 */
export function buryDeliveries(
  db: Database,
  keys: readonly DeliveryKey[],
  now: number,
  otherwise = 'it was not tried',
): Query<never>[] {
  if (keys.length === 0) return []
  const json = JSON.stringify(keys)
  return [SQL.add, SQL.close].map((statement) => statement(db, json, now, otherwise))
}

export interface DeadLetter extends DeliveryKey {
  id: number
  /** JSON. */
  event: string
  error: string
  attempts: number
  /** The time when it was given up, in milliseconds since the epoch. */
  at: number
  /** The time of its last replay; null if there was none. */
  replayedAt: number | null
}

interface Row {
  id: number
  endpoint: string
  event_id: string
  event: string
  error: string
  attempts: number
  at: number
  replayed_at: number | null
}

/** Up to `limit` dead letters of an endpoint with ids below `before`, the newest first. */
export async function listDeadLetters(
  db: Database,
  endpoint: string,
  before: number,
  limit: number,
): Promise<DeadLetter[]> {
  const { results } = await SQL.list(db, endpoint, before, limit).all()
  return results.map(({ event_id, replayed_at, ...row }) => ({
    ...row,
    eventId: event_id,
    replayedAt: replayed_at,
  }))
}

/** One dead letter of the endpoint, or the oldest `limit` that were given up since a time and not replayed. */
export type Replay = { endpoint: string } & ({ id: number } | { since: number; limit: number })

/**
 * Turns dead letters into deliveries that are due now, with all attempts left. The dead letters stay. The caller queues the deliveries
 * that are returned. The sweep queues those that the caller misses.
 */
export async function replayDeadLetters(
  db: Database,
  replay: Replay,
  now: number,
): Promise<DeliveryKey[]> {
  const wanted =
    'id' in replay
      ? SQL.one(db, replay.id, replay.endpoint)
      : SQL.since(db, replay.endpoint, replay.since, replay.limit)
  const { results } = await wanted.all()
  if (results.length === 0) return []
  const ids = JSON.stringify(results.map(({ id }) => id))
  const [, replayed] = await runBatch(db, [SQL.reopen(db, ids, now), SQL.replayed(db, ids, now)])
  return replayed.results.map(({ event_id, endpoint }) => ({
    endpoint,
    eventId: event_id,
  }))
}

/** Removes up to `limit` dead letters that were given up before `before`. Returns their number. */
export async function forgetDeadLetters(
  db: Database,
  before: number,
  limit: number,
): Promise<number> {
  const { meta } = await SQL.forget(db, before, limit).run()
  return meta.changes
}
