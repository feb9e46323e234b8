/** The dead letters of a webhook (deliveries that were given up): lists and replays them. */
import * as v from 'valibot'
import { replay } from '../../../events/delivery/replay.ts'
import { storedEvent } from '../../../events/model/messages.ts'
import type { KnownEndpoint } from '../../../events/webhooks/endpoints.ts'
import { integer, time } from '../../../lib/schemas.ts'
import { RegistryError } from '../../../oci/errors.ts'
import { noteMade } from '../../../store/access/audit.ts'
import { type DeadLetter, listDeadLetters } from '../../../store/events/dead-letters.ts'
import { changedBy } from '../caller.ts'
import { invalidRequest, operation } from '../operation.ts'
import { page } from '../pages.ts'
import { formatTime, formatTimeOrNull, named, wholeNumber } from '../schemas.ts'
import { findWebhook } from './webhook-lookup.ts'
import { byId } from './webhook-schemas.ts'

/** The most entries on a page. */
const LISTED_MAX = 100

/** The most dead letters that one request replays. */
const REPLAYED_MAX = 1000

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

export const deadLetters = [
  operation({
    id: 'listDeadLetters',
    method: 'get',
    path: '/webhooks/{id}/dead-letters',
    summary: 'List the deliveries of a webhook that were given up, the newest first',
    description: 'Dead letters are kept for EVENT_DAYS days, like events.',
    access: 'admin',
    request: v.object({
      params: byId,
      query: v.strictObject({
        n: v.optional(
          v.pipe(
            wholeNumber,
            v.minValue(1),
            v.maxValue(LISTED_MAX),
            v.description('Entries on a page; 100 by default'),
          ),
        ),
        before: v.optional(
          v.pipe(wholeNumber, v.minValue(1), v.description('Only dead letters before this id')),
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
    summary: 'Deliver dead letters again: one, or all since a time',
    description:
      `With \`since\`, replays the oldest ${REPLAYED_MAX} that were not replayed yet. If \`more\` is true, ` +
      'send the request again: there may be others. Each becomes a new delivery of the same ' +
      'event, with the same id.',
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
    message: `${name} is disabled: its deliveries would be given up at once`,
    detail: { id },
  })
}

function unknownLetter(id: number): RegistryError {
  return new RegistryError('NOT_FOUND', {
    message: 'the webhook has no such dead letter',
    detail: { id },
  })
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
