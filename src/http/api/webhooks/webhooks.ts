/** Webhooks: where events are delivered to. Those of the WEBHOOKS variable are shown, and changed there alone. */
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
      'First those of the WEBHOOKS variable, which are read-only here; then the others by name.',
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
      'As docker/distribution writes its endpoints. Its secret is shown in this answer, and never again.',
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
      if (created === 'name taken') throw taken(name, 'the name is taken')
      if (created === 'too many') throw taken(name, `there are ${MAX_WEBHOOKS} webhooks already`)
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
      'Fields that are given replace those that there are; `ignore` is replaced as a whole. What waits ' +
      'for a webhook that is disabled becomes dead letters.',
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
    summary: 'Give a webhook another secret',
    description:
      'It is shown in this answer, and never again. The old one signs, too, for as long as `overlap` ' +
      'says; one that is older ends at once.',
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
        throw invalidRequest([{ field: 'secret', problem: 'it is the current one' }])
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

/**
 * The original has two fields for the media types that are ignored; they are kept as one, so that a change of either replaces
 * what there was.
 */
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

/** Headers are not shown; but who could send them somewhere else would see them all the same. */
function refuseHeadersElsewhere(
  { url, headers }: { url: string; headers: readonly unknown[] },
  changes: Changes,
): void {
  if (changes.url === undefined || changes.headers !== undefined || headers.length === 0) return
  if (new URL(changes.url).origin === new URL(url).origin) return
  const problem = 'needed with a URL elsewhere: those that there are were given for another host'
  throw invalidRequest([{ field: 'headers', problem }])
}

/** Two webhooks of one name could not be told apart by who reads of them. */
function refuseVariableName(c: Context<AppEnv>, name: string): void {
  if (!c.var.settings.webhooks.some((endpoint) => endpoint.name === name)) return
  throw taken(name, 'the name is in the WEBHOOKS variable; take it out there first')
}

function hostOf(url: string): string {
  return new URL(url).host
}

function taken(name: string, why: string): RegistryError {
  return new RegistryError('CONFLICT', {
    message: `the webhook ${name} was not made: ${why}`,
    detail: { name },
  })
}

function changedMeanwhile(id: string): RegistryError {
  return new RegistryError('CONFLICT', {
    message: 'the webhook was changed meanwhile: try again',
    detail: { id },
  })
}
