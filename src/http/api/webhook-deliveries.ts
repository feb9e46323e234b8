/** What became of the events for a webhook, and sending them: a test now, and again what was given up. */
import type { Context } from 'hono'
import * as z from 'zod/mini'
import { deliver } from '../../events/deliver.ts'
import type { KnownEndpoint } from '../../events/endpoints.ts'
import type { RegistryEvent } from '../../events/event.ts'
import { addressOptions } from '../../events/event-settings.ts'
import { sendAll, storedEvent } from '../../events/messages.ts'
import { logError } from '../../lib/log.ts'
import { RegistryError } from '../../oci/errors.ts'
import { noteMade } from '../../store/audit.ts'
import { type DeadLetter, listDeadLetters, replayDeadLetters } from '../../store/dead-letters.ts'
import { type DeliveryKey, listDeliveries, type StoredDelivery } from '../../store/deliveries.ts'
import type { AppEnv } from '../context.ts'
import { eventOf } from '../events.ts'
import { changedBy } from './caller.ts'
import { invalidRequest, operation } from './operation.ts'
import { page } from './pages.ts'
import { formatTime, formatTimeOrNull, time } from './schemas.ts'
import { findWebhook } from './webhook-lookup.ts'
import { byId, showExcerpt } from './webhook-schemas.ts'

/** So many deliveries are kept of each state; of dead letters it is a page. */
const LISTED_MAX = 100

/** Dead letters that a request replays at most. */
const REPLAYED_MAX = 1000

/** OCI image spec, "Guidance for an Empty Descriptor": what every registry can be said to have. */
const EMPTY = {
  mediaType: 'application/vnd.oci.empty.v1+json',
  size: 2,
  digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
} as const

const attempt = {
  status: z.nullable(z.int()).check(z.describe('Null where no answer came')),
  ms: z.nullable(z.number()),
  error: z.nullable(z.string()).check(z.describe('Null for a success')),
  excerpt: z.nullable(z.string()).check(z.describe('The beginning of the answer, up to 1 KiB')),
}

const pong = z.object({ eventId: z.string(), ...attempt }).check(z.meta({ id: 'WebhookPing' }))

const states = z.enum(['pending', 'delivered', 'dead'])

const delivery = z
  .object({
    eventId: z.string(),
    action: z.string(),
    repository: z.string(),
    state: states,
    attempts: z.int(),
    ...attempt,
    firstAt: time,
    nextAt: z.nullable(time).check(z.describe('When it is tried again')),
    updatedAt: time,
  })
  .check(z.meta({ id: 'WebhookDelivery' }))

const deadLetter = z
  .object({
    id: z.int(),
    eventId: z.string(),
    action: z.nullable(z.string()),
    repository: z.nullable(z.string()),
    attempts: z.int(),
    error: z.string(),
    at: time,
    replayedAt: z.nullable(time),
  })
  .check(z.meta({ id: 'DeadLetter' }))

const letterId = z.int().check(z.minimum(1))

export const webhookDeliveries = [
  operation({
    id: 'pingWebhook',
    method: 'post',
    path: '/webhooks/{id}/ping',
    summary: 'Deliver a test event now, and tell what came of it',
    description:
      'The pull of an empty blob from a repository berth/ping that need not exist, whatever the webhook ' +
      'filters; to one that is disabled, too. It is tried once, and neither counted nor listed.',
    access: 'admin',
    request: z.object({ params: byId }),
    status: 200,
    answer: pong,
    errors: [404],
    async handle({ params: { id } }, c) {
      const { endpoint } = await findWebhook(c, id)
      const event = pingEvent(c)
      const { status, ms, error, excerpt } = await deliver(
        endpoint,
        event,
        addressOptions(c.var.settings),
      )
      const detail = { name: endpoint.name, eventId: event.id, status }
      await noteMade(c.var.db, changedBy(c), { action: 'webhook.ping', target: id, detail })
      return { eventId: event.id, status, ms, error, excerpt: showExcerpt(excerpt, endpoint) }
    },
  }),

  operation({
    id: 'listWebhookDeliveries',
    method: 'get',
    path: '/webhooks/{id}/deliveries',
    summary: 'List the last 100 deliveries of a webhook, those first that changed last',
    access: 'admin',
    request: z.object({ params: byId, query: z.strictObject({ state: z.optional(states) }) }),
    status: 200,
    answer: z.object({ deliveries: z.array(delivery) }),
    errors: [404],
    async handle({ params: { id }, query: { state } }, c) {
      const { endpoint } = await findWebhook(c, id)
      const wanted = state === undefined ? states.options : [state]
      const found = await listDeliveries(c.var.db, id, wanted, LISTED_MAX)
      return { deliveries: found.map((one) => showDelivery(one, endpoint)) }
    },
  }),

  operation({
    id: 'listDeadLetters',
    method: 'get',
    path: '/webhooks/{id}/dead-letters',
    summary: 'List the deliveries of a webhook that were given up, the newest first',
    description: 'They are kept for as long as events are: EVENT_DAYS days.',
    access: 'admin',
    request: z.object({
      params: byId,
      query: z.strictObject({
        n: z.optional(
          z.coerce
            .number()
            .check(z.int(), z.minimum(1), z.maximum(LISTED_MAX), z.describe('100 by default')),
        ),
        before: z.optional(
          z.coerce.number().check(z.int(), z.minimum(1), z.describe('The id of a dead letter')),
        ),
      }),
    }),
    status: 200,
    answer: z.object({ deadLetters: z.array(deadLetter) }),
    errors: [404],
    async handle({ params: { id }, query: { n, before = Number.MAX_SAFE_INTEGER } }, c) {
      await findWebhook(c, id)
      const found = await page(
        c,
        n ?? LISTED_MAX,
        (limit) => listDeadLetters(c.var.db, id, before, limit),
        (last) => ({ before: last.id }),
      )
      return { deadLetters: found.map(showDeadLetter) }
    },
  }),

  operation({
    id: 'replayWebhook',
    method: 'post',
    path: '/webhooks/{id}/replay',
    summary: 'Deliver again what was given up: one dead letter, or all since a time',
    description:
      `Of those since a time the oldest ${REPLAYED_MAX} that were not replayed yet; \`more\` says that ` +
      'there may be others, for another such request. They are queued as new deliveries of the same ' +
      'events, with the same ids.',
    access: 'admin',
    request: z.object({
      params: byId,
      body: z.strictObject({ deadLetter: z.optional(letterId), since: z.optional(time) }),
    }),
    status: 200,
    answer: z.object({ replayed: z.int(), more: z.boolean() }),
    errors: [404, 409],
    async handle({ params: { id }, body: { deadLetter, since } }, c) {
      const { endpoint } = await findWebhook(c, id)
      refuseDisabled(endpoint)
      const wanted = wantedOf(deadLetter, since)
      const by = changedBy(c)
      const keys = await replayDeadLetters(c.var.db, { endpoint: id, ...wanted }, by.at)
      if ('id' in wanted && keys.length === 0) throw unknownLetter(wanted.id)
      const replayed = keys.length
      const which = 'id' in wanted ? { deadLetter: wanted.id } : { since: formatTime(wanted.since) }
      const detail = { name: endpoint.name, ...which, replayed }
      await noteMade(c.var.db, by, { action: 'webhook.replay', target: id, detail })
      await queue(c, keys)
      return { replayed, more: replayed === REPLAYED_MAX }
    },
  }),
]

/** A pull: what acts on events acts on pushes and deletes. */
function pingEvent(c: Context<AppEnv>): RegistryEvent {
  const event = eventOf(c, 'pull', EMPTY)
  return { ...event, target: { ...event.target, repository: 'berth/ping' } }
}

function wantedOf(
  deadLetter: number | undefined,
  since: string | undefined,
): { id: number } | { since: number; limit: number } {
  if (deadLetter !== undefined && since === undefined) return { id: deadLetter }
  if (since !== undefined && deadLetter === undefined) {
    return { since: Date.parse(since), limit: REPLAYED_MAX }
  }
  throw invalidRequest([{ field: '', problem: 'takes either deadLetter or since' }])
}

function refuseDisabled({ id, name, disabled }: KnownEndpoint): void {
  if (!disabled) return
  throw new RegistryError('CONFLICT', {
    message: `${name} is disabled: all that is sent to it is given up at once`,
    detail: { id },
  })
}

/** What does not arrive there, the sweep sends when it is overdue. */
async function queue(c: Context<AppEnv>, keys: readonly DeliveryKey[]): Promise<void> {
  try {
    await sendAll(
      c.env.RETRIES,
      keys.map(({ endpoint, eventId }) => ({ body: { endpoint, eventId } })),
    )
  } catch (error) {
    logError({ message: 'replayed deliveries were not queued', count: keys.length }, error)
  }
}

function unknownLetter(id: number): RegistryError {
  return new RegistryError('NOT_FOUND', {
    message: 'the webhook has no such dead letter',
    detail: { id },
  })
}

function showDelivery(
  { eventId, action, repository, state, attempts, status, ms, error, ...rest }: StoredDelivery,
  endpoint: KnownEndpoint,
): z.input<typeof delivery> {
  return {
    eventId,
    action,
    repository,
    state,
    attempts,
    status,
    ms,
    error,
    excerpt: showExcerpt(rest.excerpt, endpoint),
    firstAt: formatTime(rest.firstAt),
    nextAt: formatTimeOrNull(rest.nextAt),
    updatedAt: formatTime(rest.updatedAt),
  }
}

function showDeadLetter(letter: DeadLetter): z.input<typeof deadLetter> {
  const { id, eventId, attempts, error, at, replayedAt } = letter
  const event = storedEvent(letter.event)
  return {
    id,
    eventId,
    action: event?.action ?? null,
    repository: event?.target.repository ?? null,
    attempts,
    error,
    at: formatTime(at),
    replayedAt: formatTimeOrNull(replayedAt),
  }
}
