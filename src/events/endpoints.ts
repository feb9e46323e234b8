/** The endpoints of a registry, of the WEBHOOKS variable and of the administration API, with how each of them is doing. */

import * as v from 'valibot'
import { logError } from '../lib/log.ts'
import type { Database, Statement } from '../store/database.ts'
import { type EndpointStateRow, endpointStates } from '../store/endpoint-states.ts'
import { type WebhookRow, webhookOf, webhookRows } from '../store/webhooks.ts'
import { type Endpoint, endpointOf } from './endpoint.ts'
import { EndpointConfiguration } from './endpoint-configuration.ts'
import type { EventSettings } from './event-settings.ts'
import { type BreakerState, CLOSED } from './retry-schedule.ts'
import { isSecret, type Secrets, validSecrets } from './signature.ts'

/** So many endpoints are read; the administration API makes no more. */
export const MAX_WEBHOOKS = 100

export interface KnownEndpoint extends Endpoint {
  /** `var:<name>` for one of the variable. */
  id: string
  state: BreakerState
}

/** How the id of an endpoint of the WEBHOOKS variable begins. */
const VARIABLE = 'var:'

const secret = v.pipe(v.string(), v.check(isSecret))
const StoredSecrets = v.nullable(
  v.object({ current: secret, previous: v.nullable(v.object({ secret, until: v.number() })) }),
)

/** Two statements for a batch; readEndpoints takes what they answer. */
export function endpointStatements(db: Database): [Statement, Statement] {
  return [webhookRows(db, '', MAX_WEBHOOKS), endpointStates(db)]
}

export function readEndpoints(
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

/** All endpoints, those that are disabled, too. */
export async function loadEndpoints(
  db: Database,
  settings: EventSettings,
  now: number,
): Promise<KnownEndpoint[]> {
  // Each result has its own kind of rows, which a batch cannot tell: of none that it could have they are taken for any.
  const [webhooks, states] = await db.batch<never>(endpointStatements(db))
  return readEndpoints(webhooks?.results ?? [], states?.results ?? [], settings, now)
}

/** None where the row is not valid, which only another version or another hand can have written. */
function managedEndpoint(row: WebhookRow, now: number): (Endpoint & { id: string })[] {
  const { id, name, config, secrets, disabled } = webhookOf(row)
  const written = v.safeParse(EndpointConfiguration, config)
  const signing = v.safeParse(StoredSecrets, secrets)
  if (!written.success || !signing.success) {
    logError({ message: 'a webhook is not valid and gets nothing', webhook: name })
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
