/** What requests and answers about webhooks are made of. */
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

/** What stands for the value of a header. No header can have it, so that it cannot be written back by mistake. */
const MASK = '•••'

/** Shorter words of a header's value are no credentials, and would be found anywhere. */
const CREDENTIAL_CHARACTERS = 6

const OVERLAP_MAX_MS = 7 * 24 * 60 * 60_000
const OVERLAP = 'takes a duration such as "24h", of 0s to 168h'

const webhookId = v.pipe(
  v.string(),
  v.regex(
    /^(?:var:[A-Za-z0-9][A-Za-z0-9._-]{0,63}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/,
    'the id of a webhook, or var:<name> for one of the WEBHOOKS variable',
  ),
)

export const byId = v.strictObject({ id: webhookId })

const actions = v.array(v.picklist(EVENT_ACTIONS))

const webhookFields = {
  id: webhookId,
  name: v.string(),
  readOnly: v.pipe(
    v.boolean(),
    v.description('Whether it is configured in the WEBHOOKS variable, and cannot be changed here'),
  ),
  url: v.string(),
  headers: v.pipe(
    v.record(v.string(), v.literal(MASK)),
    v.description('Their names; the values, which may be credentials, are not shown'),
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
    v.description('How many sign: 2 while one that was replaced is valid, 0 for no signature'),
  ),
  failures: v.pipe(integer, v.description('Since the last success')),
  openUntil: v.pipe(
    v.nullable(time),
    v.description('After too many failures nothing is sent until then'),
  ),
  createdAt: v.nullable(time),
  updatedAt: v.nullable(time),
}

export const webhook = named('Webhook', v.object(webhookFields))

export const webhookWithSecret = named(
  'WebhookWithSecret',
  v.object({
    ...webhookFields,
    secret: v.pipe(v.string(), v.description('Shown this once; deliveries are signed with it')),
  }),
)

const secret = v.pipe(
  v.optional(
    v.pipe(v.string(), v.check(isSecret, 'takes "whsec_" and 24 to 64 random bytes in base64')),
  ),
  v.description('Made where it is not given'),
)

export const newWebhook = v.strictObject({ ...EndpointConfiguration.entries, secret }, takes)

/** Fields that are given replace those that there are. */
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
    v.description('For so long the old secret signs, too; 24h by default'),
  ),
})

/** A webhook and, where it is not of the WEBHOOKS variable, when it was made and changed. */
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

/** What a receiver answered, without the credentials that it was sent: some answer with the whole request. */
export function showExcerpt(excerpt: string | null, { headers }: KnownEndpoint): string | null {
  if (excerpt === null) return null
  return headers
    .flatMap(([, value]) => [value, ...value.split(/\s+/)])
    .filter(({ length }) => length >= CREDENTIAL_CHARACTERS)
    .reduce((text, value) => text.replaceAll(value, MASK), excerpt)
}
