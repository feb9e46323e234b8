/** What requests and answers about webhooks are made of. */
import * as z from 'zod/mini'
import { EndpointConfiguration, millisecondsOf } from '../../events/endpoint-configuration.ts'
import type { KnownEndpoint } from '../../events/endpoints.ts'
import { FORMATS } from '../../events/envelope.ts'
import { EVENT_ACTIONS } from '../../events/event.ts'
import { isSecret } from '../../events/signature.ts'
import { formatTimeOrNull, time } from './schemas.ts'

/** What stands for the value of a header. No header can have it, so that it cannot be written back by mistake. */
const MASK = '•••'

/** Shorter words of a header's value are no credentials, and would be found anywhere. */
const CREDENTIAL_CHARACTERS = 6

const OVERLAP_MAX_MS = 7 * 24 * 60 * 60_000
const OVERLAP = 'takes a duration such as "24h", of 0s to 168h'

export const webhookId = z
  .string()
  .check(
    z.regex(
      /^(?:var:[A-Za-z0-9][A-Za-z0-9._-]{0,63}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/,
      'the id of a webhook, or var:<name> for one of the WEBHOOKS variable',
    ),
  )

export const byId = z.strictObject({ id: webhookId })

const actions = z.array(z.enum(EVENT_ACTIONS))

const webhookFields = {
  id: webhookId,
  name: z.string(),
  readOnly: z
    .boolean()
    .check(
      z.describe('Whether it is configured in the WEBHOOKS variable, and cannot be changed here'),
    ),
  url: z.string(),
  headers: z
    .record(z.string(), z.literal(MASK))
    .check(z.describe('Their names; the values, which may be credentials, are not shown')),
  timeout: z.number().check(z.describe('Milliseconds')),
  threshold: z.int(),
  backoff: z.number().check(z.describe('Milliseconds')),
  disabled: z.boolean(),
  ignore: z.object({ mediatypes: z.array(z.string()), actions }),
  repositories: z.array(z.string()),
  actions,
  mediaTypes: z.array(z.string()),
  blobPulls: z.boolean(),
  references: z.boolean(),
  format: z.enum(FORMATS),
  secrets: z
    .int()
    .check(z.describe('How many sign: 2 while one that was replaced is valid, 0 for no signature')),
  failures: z.int().check(z.describe('Since the last success')),
  openUntil: z
    .nullable(time)
    .check(z.describe('After too many failures nothing is sent until then')),
  createdAt: z.nullable(time),
  updatedAt: z.nullable(time),
}

export const webhook = z.object(webhookFields).check(z.meta({ id: 'Webhook' }))

export const webhookWithSecret = z
  .object({
    ...webhookFields,
    secret: z.string().check(z.describe('Shown this once; deliveries are signed with it')),
  })
  .check(z.meta({ id: 'WebhookWithSecret' }))

const secret = z
  .optional(
    z.string().check(z.refine(isSecret, 'takes "whsec_" and 24 to 64 random bytes in base64')),
  )
  .check(z.describe('Made where it is not given'))

export const newWebhook = z.extend(EndpointConfiguration, { secret })

/** Fields that are given replace those that there are. */
export const webhookChanges = z.partial(z.omit(EndpointConfiguration, { name: true, secret: true }))

export const rotation = z.strictObject({
  secret,
  overlap: z
    .optional(
      z
        .union([z.string(), z.number()], OVERLAP)
        .check(
          z.refine(
            (value) => millisecondsOf(value) >= 0 && millisecondsOf(value) <= OVERLAP_MAX_MS,
            OVERLAP,
          ),
        ),
    )
    .check(z.describe('For so long the old secret signs, too; 24h by default')),
})

/** A webhook and, where it is not of the WEBHOOKS variable, when it was made and changed. */
export interface Shown {
  endpoint: KnownEndpoint
  row: { created_at: number; updated_at: number } | null
}

export function showWebhook({ endpoint, row }: Shown): z.input<typeof webhook> {
  const { id, name, url, threshold, disabled, blobPulls, references, format, state } = endpoint
  return {
    id,
    name,
    readOnly: row === null,
    url,
    headers: Object.fromEntries(endpoint.headers.map(([header]) => [header, MASK])),
    timeout: endpoint.timeoutMs,
    threshold,
    backoff: endpoint.backoffMs,
    disabled,
    ignore: {
      mediatypes: [...endpoint.ignoredMediaTypes],
      actions: [...endpoint.ignoredActions],
    },
    repositories: [...endpoint.repositories],
    actions: [...endpoint.actions],
    mediaTypes: [...endpoint.mediaTypes],
    blobPulls,
    references,
    format,
    secrets: endpoint.secrets.length,
    failures: state.consecutiveFailures,
    openUntil: formatTimeOrNull(state.openUntil),
    createdAt: formatTimeOrNull(row?.created_at ?? null),
    updatedAt: formatTimeOrNull(row?.updated_at ?? null),
  }
}

/** What a receiver answered, without the credentials that it was sent: some answer with the whole request. */
export function showExcerpt(excerpt: string | null, { headers }: KnownEndpoint): string | null {
  if (excerpt === null) return null
  return headers
    .flatMap(([, value]) => [value, ...value.split(/\s+/)])
    .filter(({ length }) => length >= CREDENTIAL_CHARACTERS)
    .reduce((text, value) => text.replaceAll(value, MASK), excerpt)
}
