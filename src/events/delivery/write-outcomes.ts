/** The outcomes of turns as statements of one batch: deliveries, dead letters and breakers. */
import type { Database } from '../../store/database/database.ts'
import type { Query } from '../../store/database/statement.ts'
import { buryDeliveries } from '../../store/events/dead-letters.ts'
import { putDeliveries } from '../../store/events/deliveries.ts'
import { saveEndpointStates } from '../../store/events/endpoint-states.ts'
import type { BreakerState } from './breaker.ts'
import type { DeliveryOutcome, Turn } from './turn.ts'

export function outcomeStatements(
  db: Database,
  outcomes: readonly DeliveryOutcome[],
  now: number,
): Query<never>[] {
  const deliveries = outcomes.map(({ delivery }) => delivery)
  const dead = outcomes
    .filter(({ next }) => next.kind === 'given up')
    .map(({ delivery: { endpoint, eventId } }) => ({ endpoint, eventId }))
  return [...putDeliveries(db, deliveries, now), ...buryDeliveries(db, dead, now)]
}

/** Empty where no breaker changed: an endpoint that is well costs no write. */
export function breakerStatements(
  db: Database,
  turns: readonly Turn[],
  now: number,
): Query<never>[] {
  const changed = turns.filter(
    ({ endpoint, breaker }) => breaker !== endpoint.state && !areWell(endpoint.state, breaker),
  )
  if (changed.length === 0) return []
  const states = changed.map(({ endpoint, breaker }) => ({
    endpoint: endpoint.id,
    failures: breaker.consecutiveFailures,
    openUntil: breaker.openUntil,
  }))
  return [saveEndpointStates(db, states, now)]
}

function areWell(...states: BreakerState[]): boolean {
  return states.every(({ consecutiveFailures }) => consecutiveFailures === 0)
}
