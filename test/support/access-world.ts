/**
 * A registry with accounts, access tokens, grants and repositories in every relation to each other, set up as an operator does it:
 * by the administration API and by pushes. The rules are written down as the model reads them.
 */
import { env } from 'cloudflare:workers'
import type { Env } from '../../src/http/middleware/context.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { MEDIA_TYPE_OCI_INDEX, MEDIA_TYPE_OCI_MANIFEST } from '../../src/oci/media-types.ts'
import type { Rule, Verb } from './access-model.ts'
import type { Content } from './access-routes.ts'
import { bindings, bytesOf, imageManifest, pushBlob, putManifest, send } from './registry.ts'

export const ADMIN_PASSWORD = 'the operator’s own password'
export const PASSWORD = 'correct horse battery'

const { OPEN_ACCESS: _, ...rest } = bindings

/** As a deployed Worker is. More wrong passwords than one client may try in a row are tried here. */
export const closed: Env = { ...rest, ADMIN_PASSWORD, LOGIN_FAILURES_MAX: '1000' }

/** What each of the accounts may do, on every one of GRANTED. */
const SETS: Readonly<Record<string, readonly Verb[]>> = {
  nothing: [],
  puller: ['pull'],
  creator: ['create'],
  pusher: ['push'],
  deleter: ['delete'],
  ruler: ['admin'],
  'pull-create': ['pull', 'create'],
  'pull-push': ['pull', 'push'],
  'pull-delete': ['pull', 'delete'],
  'create-delete': ['create', 'delete'],
  'pull-push-delete': ['pull', 'push', 'delete'],
}

export const SET_ACCOUNTS = Object.keys(SETS)

const GRANTED = ['exact/app', 'exact/gone', 'kids/*', 'deep/**', 'team/ap', 'team/app2', 'tea']

/** Repositories that exist, with what relates them to GRANTED. */
export const THERE = [
  'exact/app',
  'exact/app/inner',
  'exact/ap',
  'exact',
  'kids',
  'kids/app',
  'kids/app/inner',
  'kids2/app',
  'deep',
  'deep/app',
  'deep/a/b/c',
  'deeper/app',
  'team/app',
  'team/ap',
  'te/app',
  'public/app',
  'members/app',
  'none/app',
  'none',
]

export const GONE = [
  'exact/gone',
  'exact/gone/x',
  'kids/gone',
  'deep/gone/x',
  'team/gone',
  'team/app2',
  'public/gone',
  'members/gone',
  'none/gone',
]

export const REPOSITORIES = [...THERE, ...GONE]

const OTHER_RULES: readonly Rule[] = [
  { who: 'operator', where: '**', may: ['admin'] },
  { who: 'htpasswd', where: '**', may: ['pull', 'push', 'delete'] },
  { who: 'anonymous', where: 'public/*', may: ['pull'] },
  { who: 'authenticated', where: 'members/**', may: ['pull', 'create'] },
  { who: 'account:star', where: '*', may: ['pull', 'push'] },
  { who: 'account:stars', where: '**', may: ['pull', 'push', 'delete'] },
  { who: 'account:parts', where: '*', may: ['admin'] },
  { who: 'account:parts', where: 'none/**', may: ['admin'] },
  { who: 'account:administrator', where: '**', may: ['admin'] },
  { who: 'account:disabled', where: '**', may: ['admin'] },
]

/** The limits of access tokens, by their names; null is no limit. */
const TOKENS: readonly (readonly [owner: string, name: string, limit: readonly Rule[] | null])[] = [
  ['pull-push-delete', 'whole', null],
  ['pull-push-delete', 'reads', [{ who: '', where: '**', may: ['pull'] }]],
  ['pull-push-delete', 'kids', [{ who: '', where: 'kids/*', may: ['pull', 'create'] }]],
  ['pull-push-delete', 'nowhere', [{ who: '', where: 'none/app', may: ['admin'] }]],
  ['pull-push-delete', 'useless', []],
  ['puller', 'wide', [{ who: '', where: '**', may: ['admin'] }]],
  ['administrator', 'all', null],
  ['administrator', 'part', [{ who: '', where: '**', may: ['pull', 'push', 'delete'] }]],
  ['robot', 'ci', null],
  ['pull-push-delete', 'revoked', null],
  ['pull-push-delete', 'expired', null],
  ['disabled', 'token', null],
]

export interface MadeToken {
  owner: string
  name: string
  id: string
  secret: string
  limited: boolean
}

export interface World {
  content: Content
  rules: readonly Rule[]
  tokens: readonly MadeToken[]
}

/** Everything is in force; what is to be withdrawn, `withdraw` withdraws. */
export async function buildWorld(): Promise<World> {
  const content = await pushContent()
  const rules = [
    ...OTHER_RULES,
    ...SET_ACCOUNTS.flatMap((account) => rulesOf(account)),
    ...rulesOf('robot', SETS['pull-push']),
  ]
  const people = new Set(rules.map(({ who }) => who).filter((who) => who.startsWith('account:')))
  for (const who of [...people, 'account:nothing']) {
    const name = who.slice('account:'.length)
    await administer(
      'POST',
      '/accounts',
      name === 'robot' ? { name } : { name, password: PASSWORD },
    )
  }
  for (const { who, where, may } of rules) {
    if (who === 'operator' || who === 'htpasswd') continue
    await administer('PUT', '/grants', { principal: who, pattern: where, actions: may })
  }
  const tokens: MadeToken[] = []
  const limits: Rule[] = []
  for (const [account, name, limit] of TOKENS) {
    const { id, secret } = await newToken(account, name, limit)
    tokens.push({ owner: account, name, id, secret, limited: limit !== null })
    limits.push(...(limit ?? []).map((rule) => ({ ...rule, who: `token:${id}` })))
  }
  return { content, rules: [...rules, ...limits], tokens }
}

/** Disables the account and ends the tokens that are named after it. */
export async function withdraw(tokens: readonly MadeToken[]): Promise<void> {
  await administer('PATCH', '/accounts/disabled', { disabled: true })
  const revoked = tokens.find(({ name }) => name === 'revoked')
  await administer('DELETE', `/tokens/${revoked?.id}`)
  // The API makes no token that is expired already.
  await env.DB.prepare(`UPDATE access_tokens SET expires_at = ? WHERE name = 'expired'`)
    .bind(Date.now() - 1)
    .run()
}

function rulesOf(account: string, may: readonly Verb[] = SETS[account] ?? []): Rule[] {
  if (may.length === 0) return []
  return GRANTED.map((where) => ({ who: `account:${account}`, where, may }))
}

async function newToken(account: string, name: string, limit: readonly Rule[] | null) {
  const grants = limit?.map(({ where, may }) => ({ pattern: where, actions: may }))
  const body = { account, name, ...(grants === undefined ? {} : { grants }) }
  return (await administer('POST', '/tokens', body)).json<{ id: string; secret: string }>()
}

/** Calls the administration API as the operator. */
export async function administer(method: string, path: string, body?: unknown): Promise<Response> {
  const headers = {
    Authorization: basic('admin', ADMIN_PASSWORD),
    ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
  }
  const init = body === undefined ? { headers } : { headers, body: JSON.stringify(body) }
  const response = await send(method, `/api/v1${path}`, init, closed)
  if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`)
  return response
}

export function basic(user: string, password: string): string {
  return `Basic ${new TextEncoder().encode(`${user}:${password}`).toBase64()}`
}

/** The same content in every repository that is there. */
async function pushContent(): Promise<Content> {
  const [configBytes, layerBytes] = [bytesOf('{}'), bytesOf('a layer')]
  const config = { digest: await digestOf(configBytes), size: configBytes.length }
  const layer = { digest: await digestOf(layerBytes), size: layerBytes.length }
  const firstBytes = imageManifest(config, [layer])
  const secondBytes = imageManifest(config, [layer], { annotations: { number: 'two' } })
  const first = await digestOf(firstBytes)
  const child = { mediaType: MEDIA_TYPE_OCI_MANIFEST, digest: first, size: firstBytes.length }
  const indexBytes = bytesOf(
    JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE_OCI_INDEX, manifests: [child] }),
  )
  const content: Content = {
    config: config.digest,
    layer: layer.digest,
    first,
    firstBytes,
    second: await digestOf(secondBytes),
    secondBytes,
    indexBytes,
  }
  for (const name of THERE) {
    await pushBlob(name, configBytes)
    await pushBlob(name, layerBytes)
    await expectPut(name, 'latest', firstBytes)
    await restore(name, content)
    await expectPut(name, 'index', indexBytes, MEDIA_TYPE_OCI_INDEX)
  }
  return content
}

/** Sets back the tags that requests of the tests move or remove. */
export async function restore(name: string, { firstBytes, secondBytes }: Content): Promise<void> {
  await expectPut(name, 'stable', secondBytes)
  await expectPut(name, 'spare', firstBytes)
}

async function expectPut(
  name: string,
  tag: string,
  bytes: Uint8Array<ArrayBuffer>,
  type?: string,
): Promise<void> {
  const { status } = await putManifest(name, tag, bytes, type)
  if (status !== 201) throw new Error(`PUT ${name}:${tag} is ${status}`)
}
