/** The deliveries of a webhook: sends a test delivery, and lists the last ones. */
import * as v from 'valibot'
import { deliver } from '../../../events/delivery/deliver.ts'
import { addressOptions } from '../../../events/model/event-settings.ts'
import type { KnownEndpoint } from '../../../events/webhooks/endpoints.ts'
import { integer, time } from '../../../lib/schemas.ts'
import { eventOf } from '../../../registry/events.ts'
import { noteMade } from '../../../store/access/audit.ts'
import { listDeliveries, type StoredDelivery } from '../../../store/events/deliveries.ts'
import { registryContext } from '../../middleware/registry-context.ts'
import { changedBy } from '../caller.ts'
import { operation } from '../operation.ts'
import { formatTime, formatTimeOrNull, named } from '../schemas.ts'
import { findWebhook } from './webhook-lookup.ts'
import { byId, showExcerpt } from './webhook-schemas.ts'

/** This many deliveries of each state are kept. */
const LISTED_MAX = 100

/** OCI image spec, "Guidance for an Empty Descriptor": a blob that can exist in every registry. */
const EMPTY = {
  mediaType: 'application/vnd.oci.empty.v1+json',
  size: 2,
  digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
} as const

const attempt = {
  status: v.pipe(v.nullable(integer), v.description('Null if there was no answer')),
  ms: v.nullable(v.number()),
  error: v.pipe(v.nullable(v.string()), v.description('Null for a success')),
  excerpt: v.pipe(v.nullable(v.string()), v.description('The first 1 KiB of the answer')),
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
    nextAt: v.pipe(v.nullable(time), v.description('The time of the next attempt')),
    updatedAt: time,
  }),
)

export const webhookDeliveries = [
  operation({
    id: 'pingWebhook',
    method: 'post',
    path: '/webhooks/{id}/ping',
    summary: 'Deliver a test event now, and return the result',
    description:
      'The event is the pull of an empty blob from berth/ping, a repository that need not exist. It is sent even ' +
      'if the webhook filters it or is disabled. It is tried once, and neither counted nor listed.',
    access: 'admin',
    request: v.object({ params: byId }),
    status: 200,
    answer: pong,
    errors: [404],
    async handle({ params: { id } }, c) {
      const { endpoint } = await findWebhook(c, id)
      // A pull, because receivers act on pushes and deletes.
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
    summary: 'List the last 100 deliveries of a webhook, the last changed first',
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
]

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
