/** How endpoints are doing, as the circuit breaker counts it: no row is an endpoint that did not fail. */
import type { Database, Query, Statement } from '../database/database.ts'

const SQL = {
  all: `SELECT endpoint, failures, open_until FROM endpoint_states WHERE endpoint > ''`,
  save: `
    INSERT INTO endpoint_states (endpoint, failures, open_until, updated_at)
    SELECT value ->> 'endpoint', value ->> 'failures', value ->> 'openUntil', ?2 FROM json_each(?1)
    WHERE true
    ON CONFLICT (endpoint) DO UPDATE SET failures = excluded.failures,
      open_until = excluded.open_until, updated_at = excluded.updated_at`,
} as const

export interface EndpointStateRow {
  endpoint: string
  failures: number
  open_until: number | null
}

export interface EndpointState {
  endpoint: string
  /** Consecutive ones. */
  failures: number
  openUntil: number | null
}

/** All of them: about as many as there are endpoints. */
export function endpointStates(db: Database): Query<EndpointStateRow> {
  return db.prepare(SQL.all)
}

export function saveEndpointStates(
  db: Database,
  states: readonly EndpointState[],
  now: number,
): Statement {
  return db.prepare(SQL.save).bind(JSON.stringify(states), now)
}
