/** The deliveries of a webhook: a test delivery, lists of deliveries and dead letters, and replay of dead letters. */
import * as v from 'valibot'
import { deliver } from '../../events/deliver.ts'
import type { KnownEndpoint } from '../../events/endpoints.ts'
import { addressOptions } from '../../events/event-settings.ts'
import { storedEvent } from '../../events/messages.ts'
import { replay } from '../../events/replay.ts'
import { integer, time } from '../../lib/schemas.ts'
import { RegistryError } from '../../oci/errors.ts'
import { eventOf } from '../../registry/events.ts'
import { noteMade } from '../../store/audit.ts'
import { type DeadLetter, listDeadLetters } from '../../store/dead-letters.ts'
import { listDeliveries, type StoredDelivery } from '../../store/deliveries.ts'
import { registryContext } from '../registry-context.ts'
import { changedBy } from './caller.ts'
import { invalidRequest, operation } from './operation.ts'
import { page } from './pages.ts'
import { formatTime, formatTimeOrNull, named, wholeNumber } from './schemas.ts'
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
  status: v.pipe(v.nullable(integer), v.description('Null where no answer came')),
  ms: v.nullable(v.number()),
  error: v.pipe(v.nullable(v.string()), v.description('Null for a success')),
  excerpt: v.pipe(
    v.nullable(v.string()),
    v.description('The beginning of the answer, up to 1 KiB'),
  ),
}

const pong = named('WebhookPing', v.object({ eventId: v.string(), ...attempt }))

const states = v.picklist(['pending', 'delivered', 'dead'])

const delivery = named(
  'WebhookDelivery',
  v.object({
    eventId: v.string(),
    action: v.string(),
    repository: v.string(),
    state: states,
    attempts: integer,
    ...attempt,
    firstAt: time,
    nextAt: v.pipe(v.nullable(time), v.description('When it is tried again')),
    updatedAt: time,
  }),
)

const deadLetter = named(
  'DeadLetter',
  v.object({
    id: integer,
    eventId: v.string(),
    action: v.nullable(v.string()),
    repository: v.nullable(v.string()),
    attempts: integer,
    error: v.string(),
    at: time,
    replayedAt: v.nullable(time),
  }),
)

const letterId = v.pipe(integer, v.minValue(1))

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
    request: v.object({ params: byId }),
    status: 200,
    answer: pong,
    errors: [404],
    async handle({ params: { id } }, c) {
      const { endpoint } = await findWebhook(c, id)
      // A pull: receivers act on pushes and deletes.
      const event = eventOf(registryContext(c, 'berth/ping'), 'pull', EMPTY)
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
    request: v.object({ params: byId, query: v.strictObject({ state: v.optional(states) }) }),
    status: 200,
    answer: v.object({ deliveries: v.array(delivery) }),
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
    request: v.object({
      params: byId,
      query: v.strictObject({
        n: v.optional(
          v.pipe(
            wholeNumber,
            v.minValue(1),
            v.maxValue(LISTED_MAX),
            v.description('100 by default'),
          ),
        ),
        before: v.optional(
          v.pipe(wholeNumber, v.minValue(1), v.description('The id of a dead letter')),
        ),
      }),
    }),
    status: 200,
    answer: v.object({ deadLetters: v.array(deadLetter) }),
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
    request: v.object({
      params: byId,
      body: v.strictObject({ deadLetter: v.optional(letterId), since: v.optional(time) }),
    }),
    status: 200,
    answer: v.object({ replayed: integer, more: v.boolean() }),
    errors: [404, 409],
    async handle({ params: { id }, body: { deadLetter, since } }, c) {
      const { endpoint } = await findWebhook(c, id)
      refuseDisabled(endpoint)
      const wanted = wantedOf(deadLetter, since)
      const by = changedBy(c)
      const context = { db: c.var.db, retries: c.env.RETRIES, now: () => by.at }
      const replayed = await replay({ endpoint: id, ...wanted }, context)
      if ('id' in wanted && replayed === 0) throw unknownLetter(wanted.id)
      const which = 'id' in wanted ? { deadLetter: wanted.id } : { since: formatTime(wanted.since) }
      const detail = { name: endpoint.name, ...which, replayed }
      await noteMade(c.var.db, by, { action: 'webhook.replay', target: id, detail })
      return { replayed, more: replayed === REPLAYED_MAX }
    },
  }),
]

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

function unknownLetter(id: number): RegistryError {
  return new RegistryError('NOT_FOUND', {
    message: 'the webhook has no such dead letter',
    detail: { id },
  })
}

function showDelivery(
  { eventId, action, repository, state, attempts, status, ms, error, ...rest }: StoredDelivery,
  endpoint: KnownEndpoint,
): v.InferInput<typeof delivery> {
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

function showDeadLetter(letter: DeadLetter): v.InferInput<typeof deadLetter> {
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
