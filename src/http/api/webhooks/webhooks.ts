/** Webhooks: the endpoints that events are delivered to. Those of the WEBHOOKS variable are read-only here. */
import type { Context } from 'hono'
import * as v from 'valibot'
import { addressOptions } from '../../../events/model/event-settings.ts'
import {
  EndpointConfiguration,
  millisecondsOf,
} from '../../../events/webhooks/endpoint-configuration.ts'
import { MAX_WEBHOOKS } from '../../../events/webhooks/endpoints.ts'
import {
  generateSecret,
  ROTATION_OVERLAP_MS,
  rotateSecret,
  type Secrets,
} from '../../../events/webhooks/signature.ts'
import { addressProblem } from '../../../lib/outgoing-address.ts'
import { RegistryError } from '../../../oci/errors.ts'
import {
  configureWebhook,
  createManagedWebhook,
  removeManagedWebhook,
  replaceWebhookSecrets,
} from '../../../store/events/manage-webhooks.ts'
import type { AppEnv } from '../../middleware/context.ts'
import { changedBy } from '../caller.ts'
import { invalidRequest, NO_CONTENT, operation } from '../operation.ts'
import { formatTimeOrNull } from '../schemas.ts'
import { findManagedWebhook, findWebhook, readWebhooks, unknownWebhook } from './webhook-lookup.ts'
import {
  byId,
  newWebhook,
  rotation,
  showWebhook,
  webhook,
  webhookChanges,
  webhookWithSecret,
} from './webhook-schemas.ts'

export const webhooks = [
  operation({
    id: 'listWebhooks',
    method: 'get',
    path: '/webhooks',
    summary: 'List all webhooks',
    description:
      'Lists first the webhooks of the WEBHOOKS variable, which are read-only here, then the others by name.',
    access: 'admin',
    request: v.object({}),
    status: 200,
    answer: v.object({ webhooks: v.array(webhook) }),
    async handle(_, c) {
      return { webhooks: (await readWebhooks(c)).map(showWebhook) }
    },
  }),

  operation({
    id: 'createWebhook',
    method: 'post',
    path: '/webhooks',
    summary: 'Create a webhook',
    description:
      'The fields are those of docker/distribution’s endpoints, and some more. The secret is shown only in this answer.',
    access: 'admin',
    request: v.object({ body: newWebhook }),
    status: 201,
    answer: webhookWithSecret,
    errors: [409],
    async handle({ body: { name, secret = generateSecret(), disabled = false, ...config } }, c) {
      refuseAddress(c, config.url)
      refuseVariableName(c, name)
      const secrets: Secrets = { current: secret, previous: null }
      const asked = {
        name,
        config: JSON.stringify({ name, ...merge({}, config) }),
        secrets: JSON.stringify(secrets),
        disabled,
      }
      const detail = { host: hostOf(config.url), disabled }
      const created = await createManagedWebhook(
        c.var.db,
        changedBy(c),
        asked,
        MAX_WEBHOOKS,
        detail,
      )
      if (created === 'name taken') throw nameTaken(name, 'the name is taken')
      if (created === 'too many')
        throw nameTaken(name, `there are already ${MAX_WEBHOOKS} webhooks`)
      return { ...showWebhook(await findWebhook(c, created.id)), secret }
    },
  }),

  operation({
    id: 'getWebhook',
    method: 'get',
    path: '/webhooks/{id}',
    summary: 'Get a webhook',
    access: 'admin',
    request: v.object({ params: byId }),
    status: 200,
    answer: webhook,
    errors: [404],
    async handle({ params: { id } }, c) {
      return showWebhook(await findWebhook(c, id))
    },
  }),

  operation({
    id: 'updateWebhook',
    method: 'patch',
    path: '/webhooks/{id}',
    summary: 'Change a webhook',
    description:
      'Given fields replace the current ones; `ignore` is replaced as a whole. Pending deliveries of a ' +
      'disabled webhook become dead letters.',
    access: 'admin',
    request: v.object({ params: byId, body: webhookChanges }),
    status: 200,
    answer: webhook,
    errors: [404, 409],
    async handle({ params: { id }, body }, c) {
      const { endpoint, row } = await findManagedWebhook(c, id)
      const { disabled = null, ...changes } = body
      if (changes.url !== undefined) refuseAddress(c, changes.url)
      refuseHeadersElsewhere(endpoint, changes)
      const { name, ...before } = v.parse(EndpointConfiguration, JSON.parse(row.config))
      const url = changes.url ?? before.url
      const after = { name, ...merge(merge({}, before), changes), url }
      const updated = await configureWebhook(
        c.var.db,
        changedBy(c),
        id,
        { before: row.config, after: JSON.stringify(after), disabled },
        { name, host: hostOf(url), fields: Object.keys(body), disabled },
      )
      if (!updated) throw changedMeanwhile(id)
      return showWebhook(await findWebhook(c, id))
    },
  }),

  operation({
    id: 'rotateWebhookSecret',
    method: 'post',
    path: '/webhooks/{id}/rotate-secret',
    summary: 'Replace the secret of a webhook',
    description:
      'The new secret is shown only in this answer. The old secret also signs for the time of `overlap`; ' +
      'a still older one ends at once.',
    access: 'admin',
    request: v.object({ params: byId, body: rotation }),
    status: 200,
    answer: webhookWithSecret,
    errors: [404, 409],
    async handle({ params: { id }, body }, c) {
      const { secret = generateSecret(), overlap = ROTATION_OVERLAP_MS } = body
      const { endpoint, row } = await findManagedWebhook(c, id)
      const [current] = endpoint.secrets
      if (secret === current) {
        throw invalidRequest([{ field: 'secret', problem: 'this is the current secret' }])
      }
      const by = changedBy(c)
      const rotated: Secrets =
        current === undefined
          ? { current: secret, previous: null }
          : rotateSecret({ current, previous: null }, secret, by.at, millisecondsOf(overlap))
      const replaced = await replaceWebhookSecrets(
        c.var.db,
        by,
        id,
        { before: row.secrets, after: JSON.stringify(rotated) },
        { name: endpoint.name, previousUntil: formatTimeOrNull(rotated.previous?.until ?? null) },
      )
      if (!replaced) throw changedMeanwhile(id)
      return { ...showWebhook(await findWebhook(c, id)), secret }
    },
  }),

  operation({
    id: 'deleteWebhook',
    method: 'delete',
    path: '/webhooks/{id}',
    summary: 'Delete a webhook with its deliveries and dead letters',
    access: 'admin',
    request: v.object({ params: byId }),
    status: 204,
    answer: NO_CONTENT,
    errors: [404, 409],
    async handle({ params: { id } }, c) {
      await findManagedWebhook(c, id)
      if (!(await removeManagedWebhook(c.var.db, changedBy(c), id))) throw unknownWebhook(id)
      return null
    },
  }),
]

type Changes = v.InferOutput<typeof webhookChanges>

/** docker/distribution has two fields for ignored media types. They are stored as one, so that a change of either replaces all of them. */
function merge(before: Changes, { ignoredmediatypes, ignore, ...changes }: Changes): Changes {
  if (ignoredmediatypes === undefined && ignore === undefined) return { ...before, ...changes }
  const mediatypes = [...(ignoredmediatypes ?? []), ...(ignore?.mediatypes ?? [])]
  const actions = (ignore ?? before.ignore)?.actions ?? []
  return { ...before, ...changes, ignore: { mediatypes, actions } }
}

function refuseAddress(c: Context<AppEnv>, url: string): void {
  const problem = addressProblem(url, addressOptions(c.var.settings))
  if (problem !== null) throw invalidRequest([{ field: 'url', problem }])
}

/** Headers are not shown. An administrator who could send them to another host would see them anyway. */
function refuseHeadersElsewhere(
  { url, headers }: { url: string; headers: readonly unknown[] },
  changes: Changes,
): void {
  if (changes.url === undefined || changes.headers !== undefined || headers.length === 0) return
  if (new URL(changes.url).origin === new URL(url).origin) return
  const problem =
    'required when the URL moves to another host: the current ones were meant for the old host'
  throw invalidRequest([{ field: 'headers', problem }])
}

/** Logs and lists could not tell two webhooks of the same name apart. */
function refuseVariableName(c: Context<AppEnv>, name: string): void {
  if (!c.var.settings.webhooks.some((endpoint) => endpoint.name === name)) return
  throw nameTaken(name, 'the name is in the WEBHOOKS variable: remove it there first')
}

function hostOf(url: string): string {
  return new URL(url).host
}

function nameTaken(name: string, why: string): RegistryError {
  return new RegistryError('CONFLICT', {
    message: `the webhook ${name} was not created: ${why}`,
    detail: { name },
  })
}

function changedMeanwhile(id: string): RegistryError {
  return new RegistryError('CONFLICT', {
    message: 'another request changed the webhook at the same time: try again',
    detail: { id },
  })
}
