/** All endpoints of a registry, from the WEBHOOKS variable and from the administration API, each with the state of its breaker. */
import * as v from 'valibot'
import { logError } from '../../lib/log.ts'
import type { Database } from '../../store/database/database.ts'
import { type Query, readRows } from '../../store/database/statement.ts'
import { type EndpointStateRow, endpointStates } from '../../store/events/endpoint-states.ts'
import { type WebhookRow, webhookOf, webhookRows } from '../../store/events/webhooks.ts'
import { type BreakerState, CLOSED } from '../delivery/breaker.ts'
import type { EventSettings } from '../model/event-settings.ts'
import { type Endpoint, endpointOf } from './endpoint.ts'
import { EndpointConfiguration } from './endpoint-configuration.ts'
import { isSecret, type Secrets, validSecrets } from './signature.ts'

/** The most endpoints of the administration API. */
export const MAX_WEBHOOKS = 100

export interface KnownEndpoint extends Endpoint {
  /** `var:<name>` for an endpoint of the WEBHOOKS variable. */
  id: string
  state: BreakerState
}

/** The prefix of the id of an endpoint of the WEBHOOKS variable. */
const VARIABLE = 'var:'

const secret = v.pipe(v.string(), v.check(isSecret))
const StoredSecrets = v.nullable(
  v.object({ current: secret, previous: v.nullable(v.object({ secret, until: v.number() })) }),
)

/** Two queries of one batch. `endpointsOf` takes their rows. */
export function endpointQueries(db: Database): [Query<WebhookRow>, Query<EndpointStateRow>] {
  return [webhookRows(db, '', MAX_WEBHOOKS), endpointStates(db)]
}

/** The endpoints of the variable in its order, then those of the administration API by name. */
export function endpointsOf(
  webhooks: readonly WebhookRow[],
  states: readonly EndpointStateRow[],
  settings: EventSettings,
  now: number,
): KnownEndpoint[] {
  const ofVariable = settings.webhooks.map((endpoint) => ({
    ...endpoint,
    id: VARIABLE + endpoint.name,
  }))
  const all = [...ofVariable, ...webhooks.flatMap((row) => managedEndpoint(row, now))]
  const stateOf = new Map(states.map((row) => [row.endpoint, breakerState(row)]))
  return all.map((endpoint) => ({ ...endpoint, state: stateOf.get(endpoint.id) ?? CLOSED }))
}

/** Reads all endpoints, including disabled ones. */
export async function loadEndpoints(
  db: Database,
  settings: EventSettings,
  now: number,
): Promise<KnownEndpoint[]> {
  const [webhooks, states] = await readRows(db, endpointQueries(db))
  return endpointsOf(webhooks, states, settings, now)
}

/** Empty if the row is not valid: another version of Berth, or a person, may have written it. */
function managedEndpoint(row: WebhookRow, now: number): (Endpoint & { id: string })[] {
  const { id, name, config, secrets, disabled } = webhookOf(row)
  const written = v.safeParse(EndpointConfiguration, config)
  const signing = v.safeParse(StoredSecrets, secrets)
  if (!written.success || !signing.success) {
    logError({ message: 'a webhook is not valid: nothing is sent to it', webhook: name })
    return []
  }
  const valid = secretsAt(signing.output, now)
  return [{ ...endpointOf(written.output), id, name, disabled, secrets: valid }]
}

function secretsAt(secrets: Secrets | null, now: number): string[] {
  return secrets === null ? [] : validSecrets(secrets, now)
}

function breakerState({ failures, open_until }: EndpointStateRow): BreakerState {
  return { consecutiveFailures: failures, openUntil: open_until }
}
