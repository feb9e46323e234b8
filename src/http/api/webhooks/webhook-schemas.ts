/** Schemas of requests and answers about webhooks. */
import * as v from 'valibot'
import { FORMATS } from '../../../events/model/envelope.ts'
import { EVENT_ACTIONS } from '../../../events/model/event.ts'
import {
  EndpointConfiguration,
  millisecondsOf,
  takes,
} from '../../../events/webhooks/endpoint-configuration.ts'
import type { KnownEndpoint } from '../../../events/webhooks/endpoints.ts'
import { isSecret } from '../../../events/webhooks/signature.ts'
import { integer, time } from '../../../lib/schemas.ts'
import { formatTimeOrNull, named } from '../schemas.ts'

/** Replaces the value of a header. It is not a valid value, so it cannot be written back by mistake. */
const MASK = '•••'

/** Shorter words in a header's value are not credentials, and could occur anywhere. */
const CREDENTIAL_CHARACTERS = 6

const OVERLAP_MAX_MS = 7 * 24 * 60 * 60_000
const OVERLAP = 'takes a duration from 0s to 168h, such as "24h"'

const webhookId = v.pipe(
  v.string(),
  v.regex(
    /^(?:var:[A-Za-z0-9][A-Za-z0-9._-]{0,63}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/,
    'the id of a webhook, or var:<name> for a webhook of the WEBHOOKS variable',
  ),
)

export const byId = v.strictObject({ id: webhookId })

const actions = v.array(v.picklist(EVENT_ACTIONS))

const webhookFields = {
  id: webhookId,
  name: v.string(),
  readOnly: v.pipe(
    v.boolean(),
    v.description('True if it is configured in the WEBHOOKS variable and cannot be changed here'),
  ),
  url: v.string(),
  headers: v.pipe(
    v.record(v.string(), v.literal(MASK)),
    v.description(
      'The names of the headers. Their values are not shown, because they may be credentials',
    ),
  ),
  timeout: v.pipe(v.number(), v.description('Milliseconds')),
  threshold: integer,
  backoff: v.pipe(v.number(), v.description('Milliseconds')),
  disabled: v.boolean(),
  ignore: v.object({ mediatypes: v.array(v.string()), actions }),
  repositories: v.array(v.string()),
  actions,
  mediaTypes: v.array(v.string()),
  blobPulls: v.boolean(),
  references: v.boolean(),
  format: v.picklist(FORMATS),
  secrets: v.pipe(
    integer,
    v.description(
      'The number of secrets that sign: 2 while a replaced one is still valid, 0 for no signature',
    ),
  ),
  failures: v.pipe(integer, v.description('Failures since the last success')),
  openUntil: v.pipe(
    v.nullable(time),
    v.description('After too many failures, nothing is sent before this time'),
  ),
  createdAt: v.nullable(time),
  updatedAt: v.nullable(time),
}

export const webhook = named('Webhook', v.object(webhookFields))

export const webhookWithSecret = named(
  'WebhookWithSecret',
  v.object({
    ...webhookFields,
    secret: v.pipe(v.string(), v.description('Signs the deliveries; shown only in this answer')),
  }),
)

const secret = v.pipe(
  v.optional(
    v.pipe(v.string(), v.check(isSecret, 'takes "whsec_" and 24 to 64 random bytes in base64')),
  ),
  v.description('Generated if it is not given'),
)

export const newWebhook = v.strictObject({ ...EndpointConfiguration.entries, secret }, takes)

/** Given fields replace the current ones. */
export const webhookChanges = v.partial(v.omit(EndpointConfiguration, ['name', 'secret']))

export const rotation = v.strictObject({
  secret,
  overlap: v.pipe(
    v.optional(
      v.pipe(
        v.union([v.string(), v.number()], OVERLAP),
        v.check(
          (value) => millisecondsOf(value) >= 0 && millisecondsOf(value) <= OVERLAP_MAX_MS,
          OVERLAP,
        ),
      ),
    ),
    v.description('How long the old secret also signs; 24h by default'),
  ),
})

/** A webhook, with the times of its creation and last change. Webhooks of the WEBHOOKS variable have none. */
export interface Shown {
  endpoint: KnownEndpoint
  row: { created_at: number; updated_at: number } | null
}

export function showWebhook({ endpoint, row }: Shown): v.InferInput<typeof webhook> {
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

/** A receiver's answer without the credentials that it was sent: some receivers answer with the whole request. */
export function showExcerpt(excerpt: string | null, { headers }: KnownEndpoint): string | null {
  if (excerpt === null) return null
  return headers
    .flatMap(([, value]) => [value, ...value.split(/\s+/)])
    .filter(({ length }) => length >= CREDENTIAL_CHARACTERS)
    .reduce((text, value) => text.replaceAll(value, MASK), excerpt)
}
