/** The circuit breakers of endpoints. An endpoint without failures has no row. */
import type { Database } from '../database/database.ts'
import { type Query, sql, statements } from '../database/statement.ts'

const SQL = statements('endpoint-states', {
  all: sql<[], EndpointStateRow>(
    `SELECT endpoint, failures, open_until FROM endpoint_states WHERE endpoint > ''`,
  ),
  save: sql<[states: string, now: number]>(`
    INSERT INTO endpoint_states (endpoint, failures, open_until, updated_at)
    SELECT value ->> 'endpoint', value ->> 'failures', value ->> 'openUntil', ?2 FROM json_each(?1)
    WHERE true
    ON CONFLICT (endpoint) DO UPDATE SET failures = excluded.failures,
      open_until = excluded.open_until, updated_at = excluded.updated_at`),
})

export interface EndpointStateRow {
  endpoint: string
  failures: number
  open_until: number | null
}

export interface EndpointState {
  endpoint: string
  /** Consecutive failures. */
  failures: number
  openUntil: number | null
}

/** All rows: at most about as many as there are endpoints. */
export function endpointStates(db: Database): Query<EndpointStateRow> {
  return SQL.all(db)
}

export function saveEndpointStates(
  db: Database,
  states: readonly EndpointState[],
  now: number,
): Query<never> {
  return SQL.save(db, JSON.stringify(states), now)
}
