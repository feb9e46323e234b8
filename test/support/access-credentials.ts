/** Every kind of credential, as it stands in an Authorization header, with what the model is to make of it. */
import { env } from 'cloudflare:workers'
import type { Env } from '../../src/http/context.ts'
import { type Asked, type Mode, NOBODY, type Person, type Sender } from './access-model.ts'
import {
  ADMIN_PASSWORD,
  basic,
  closed,
  type MadeToken,
  PASSWORD,
  REPOSITORIES,
  SET_ACCOUNTS,
  type World,
} from './access-world.ts'
import { base64url, registryForger, signed, strangerForger, utf8 } from './forged-tokens.ts'
import { bindings, send } from './registry.ts'

export interface Credential {
  name: string
  /** Null sends no header. */
  authorization: string | null
  sender: Sender
  environment: Env
  mode: Mode
  /** The account whose own password it is; null for all else, and for access tokens. */
  account: string | null
  /** Whether each request with it costs a slow hash. */
  slow: boolean
  /** Whether it stands for one set of actions: everything is tried with it. */
  thorough: boolean
  /** Whether its lists show everything: an external token service knows no patterns. */
  listsAll: boolean
}

const CLOSED: Mode = { open: false, anonymousAtOnce: false }
const SERVICE = 'berth'

/** bcrypt of PASSWORD at the lowest cost. */
const HTPASSWD = 'legacy:$2b$04$iOyCyK7d0/zIqzoETDHC0uuCppsGki/sMa8f34qbiol5xwwBpY0Ii'

const everywhere = (...verbs: string[]): Asked[] => REPOSITORIES.map((name) => ({ name, verbs }))

/** What tokens are asked for, by kind. */
const SCOPES: Readonly<Record<string, { asked: readonly Asked[]; lists: boolean }>> = {
  all: { asked: everywhere('pull', 'push', 'delete'), lists: true },
  pull: { asked: everywhere('pull'), lists: false },
  push: { asked: everywhere('push'), lists: false },
  wide: { asked: everywhere('*', 'admin', 'create', 'root'), lists: true },
  others: { asked: othersThan('exact/app', 'none/app', 'public/app'), lists: false },
  nothing: { asked: [], lists: false },
}

/** Names that could be taken for these, or for all. */
function othersThan(...names: string[]): Asked[] {
  const alike = names.flatMap((name) => {
    const [first, second] = name.split('/')
    return [
      `${name}2`,
      name.slice(0, -1),
      `${first}`,
      `${first}/*`,
      `${first}/**`,
      `${name}/`,
      `/${name}`,
      `${name}/inner`,
      `registry.test/${name}`,
      name.toUpperCase(),
      `${first}%2F${second}`,
    ]
  })
  return ['*', '**', '', ...alike].map((name) => ({ name, verbs: ['pull', 'push', 'delete'] }))
}

function scopeQuery(kind: string): string {
  const { asked = [], lists = false } = SCOPES[kind] ?? {}
  const scopes = asked.map(({ name, verbs }) => `repository:${name}:${verbs.join(',')}`)
  const all = lists ? [...scopes, 'registry:catalog:*'] : scopes
  return all.map((scope) => `&scope=${encodeURIComponent(scope)}`).join('')
}

/** What /token gives for a credential. */
export async function ticketFor(
  authorization: string | null,
  query: string,
  environment: Env = closed,
): Promise<string> {
  const headers = authorization === null ? {} : { Authorization: authorization }
  const path = `/token?service=${SERVICE}${query}`
  const response = await send('GET', path, { headers }, environment)
  if (!response.ok) throw new Error(`/token: ${await response.text()}`)
  const { token } = await response.json<{ token: string }>()
  return token
}

/** Must be called before anything of the world is withdrawn: bearer tokens outlive that, other credentials do not. */
export async function makeCredentials(world: World): Promise<Credential[]> {
  return [
    ...withoutAny(),
    ...refused(world.tokens),
    ...named(world.tokens),
    ...(await tickets(world.tokens)),
    ...(await badTickets()),
    ...(await elsewhere()),
  ]
}

function credential(
  name: string,
  authorization: string | null,
  sender: Sender,
  options: Partial<Credential> = {},
): Credential {
  return {
    name,
    authorization,
    sender,
    environment: closed,
    mode: CLOSED,
    account: null,
    slow: false,
    thorough: false,
    listsAll: false,
    ...options,
  }
}

const NOTHING: Sender = { shows: 'nothing' }
const RUBBISH: Sender = { shows: 'rubbish' }

function withoutAny(): Credential[] {
  const good = basic('stars', PASSWORD)
  const headers: [string, string | null][] = [
    ['no header', null],
    ['an empty header', ''],
    ['Basic with an empty user', basic('', '')],
    ['Basic with an empty user and a password', basic('', PASSWORD)],
    ['Basic without a colon', `Basic ${btoa('stars')}`],
    ['Basic that is no base64', 'Basic !!!'],
    ['Basic, twice', `${good}, ${good}`],
    ['Digest with what Basic takes', good.replace('Basic', 'Digest')],
    ['Token with what Basic takes', good.replace('Basic', 'Token')],
    ['no scheme', good.slice('Basic '.length)],
    ['Bearer alone', 'Bearer'],
    ['Bearer and two tokens', 'Bearer a b'],
  ]
  return headers.map(([name, header]) => credential(name, header, NOTHING))
}

function refused(tokens: readonly MadeToken[]): Credential[] {
  const secretOf = (name: string) => tokens.find((token) => token.name === name)?.secret ?? ''
  const wrong: [string, string][] = [
    ['an unknown name', basic('nobody', PASSWORD)],
    ['a wrong password', basic('stars', `${PASSWORD}!`)],
    ['the password of a disabled account', basic('disabled', PASSWORD)],
    ['a password for a robot', basic('robot', PASSWORD)],
    ["the operator's name in capitals", basic('ADMIN', ADMIN_PASSWORD)],
    ['a password for htpasswd where there is none', basic('legacy', PASSWORD)],
  ]
  const badTokens: [string, string][] = [
    ['a revoked token', basic('pull-push-delete', secretOf('revoked'))],
    ['an expired token', basic('pull-push-delete', secretOf('expired'))],
    ['a token of a disabled account', basic('disabled', secretOf('token'))],
    ["another account's token", basic('puller', secretOf('whole'))],
    ["a token under the operator's name", basic('admin', secretOf('all'))],
  ]
  return [
    ...wrong.map(([name, header]) => credential(name, header, RUBBISH, { slow: true })),
    ...badTokens.map(([name, header]) => credential(name, header, RUBBISH)),
    credential('an access token as a bearer token', `Bearer ${secretOf('whole')}`, RUBBISH),
    credential("Basic's credentials as a bearer token", `Bearer ${btoa(`a:${PASSWORD}`)}`, RUBBISH),
  ]
}

interface Named {
  name: string
  authorization: string
  person: Person
}

const OPERATOR: Person = { standsFor: ['operator'], within: null }

export function accountNamed(name: string): Person {
  return { standsFor: [`account:${name}`, 'authenticated', 'anonymous'], within: null }
}

function people(tokens: readonly MadeToken[]): Named[] {
  const accounts = [...SET_ACCOUNTS, 'star', 'stars', 'parts', 'administrator']
  const ended = ['revoked', 'expired', 'token']
  return [
    { name: 'admin', authorization: basic('admin', ADMIN_PASSWORD), person: OPERATOR },
    ...accounts.map((name) => ({
      name,
      authorization: basic(name, PASSWORD),
      person: accountNamed(name),
    })),
    ...tokens
      .filter(({ name }) => !ended.includes(name))
      .map((token) => ({
        name: `${token.owner}/${token.name}`,
        authorization: basic(token.owner, token.secret),
        person: personOf(token),
      })),
  ]
}

function personOf({ owner, id, limited }: MadeToken): Person {
  return { ...accountNamed(owner), within: limited ? `token:${id}` : null }
}

function named(tokens: readonly MadeToken[]): Credential[] {
  return people(tokens).map(({ name, authorization, person }) =>
    credential(
      `Basic of ${name}`,
      authorization,
      { shows: 'password', person },
      { account: accountOf(person, name), thorough: SET_ACCOUNTS.includes(name) },
    ),
  )
}

function accountOf({ standsFor }: Person, name: string): string | null {
  return standsFor.includes(`account:${name}`) ? name : null
}

async function tickets(tokens: readonly MadeToken[]): Promise<Credential[]> {
  const withdrawn: Named[] = tokens
    .filter(({ name }) => name === 'revoked' || name === 'token')
    .map((token) => ({
      name: `${token.owner}/${token.name}, since withdrawn`,
      authorization: basic(token.owner, token.secret),
      person: personOf(token),
    }))
  const bearers = [...people(tokens), ...withdrawn]
  const all = bearers.map((bearer): [Named, string] => [bearer, 'all'])
  const some = ['admin', 'pull-push-delete', 'pull-create', 'creator', 'pull-push-delete/kids']
  const more = bearers
    .filter(({ name }) => some.includes(name))
    .flatMap((bearer) =>
      ['pull', 'push', 'wide', 'others', 'nothing'].map((kind): [Named, string] => [bearer, kind]),
    )
  const made = [...all, ...more].map(async ([bearer, kind]) => {
    const token = await ticketFor(bearer.authorization, scopeQuery(kind))
    return ticket(`token of ${bearer.name} for ${kind}`, token, bearer.person, kind)
  })
  const anonymous = ['all', 'pull', 'wide', 'others', 'nothing'].map(async (kind) => {
    const token = await ticketFor(null, scopeQuery(kind))
    return ticket(`anonymous token for ${kind}`, token, NOBODY, kind)
  })
  return Promise.all([...made, ...anonymous])
}

function ticket(name: string, token: string, person: Person, kind: string): Credential {
  const { asked = [], lists = false } = SCOPES[kind] ?? {}
  return credential(name, `Bearer ${token}`, { shows: 'ticket', person, asked, lists })
}

function claimsFor(issuer: string, actions: readonly string[]) {
  const now = Math.floor(Date.now() / 1000)
  const names = REPOSITORIES.map((name) => ({ type: 'repository', name, actions }))
  return {
    iss: issuer,
    aud: SERVICE,
    sub: 'admin',
    iat: now,
    nbf: now,
    exp: now + 300,
    jti: 'x',
    access: [...names, { type: 'registry', name: 'catalog', actions: ['*'] }],
    visible: ['**'],
  }
}

/** Bearer tokens that are not the registry's, or not for this, or not now. */
async function badTickets(): Promise<Credential[]> {
  const registry = await registryForger(env.DB)
  const stranger = await strangerForger(registry.kid)
  const claims = claimsFor(SERVICE, ['pull', 'push', 'delete'])
  const header = { alg: 'ES256', typ: 'JWT', kid: registry.kid }
  const good = await signed(registry, header, claims)
  const unsigned = base64url(utf8(JSON.stringify({ ...header, alg: 'none' })))
  const [, payload = '', signature = ''] = good.split('.')
  const refresh = await refreshToken()
  const bad: [string, string][] = [
    ['rubbish', 'x'],
    ['rubbish with two dots', 'a.b.c'],
    ['a signature by another key', await signed(stranger, header, claims)],
    [
      'the key in the header',
      await signed(stranger, { ...header, jwk: stranger.publicJwk }, claims),
    ],
    ['alg none', `${unsigned}.${payload}.`],
    ['alg none, and a signature', `${unsigned}.${payload}.${signature}`],
    ['an expired one', await signed(registry, header, { ...claims, exp: claims.iat - 31 })],
    ['one for another registry', await signed(registry, header, { ...claims, aud: 'other' })],
    ['one of another issuer', await signed(registry, header, { ...claims, iss: 'other' })],
    ['a refresh token', refresh],
  ]
  return bad.map(([name, token]) => credential(`bearer: ${name}`, `Bearer ${token}`, RUBBISH))
}

async function refreshToken(): Promise<string> {
  const headers = { Authorization: basic('admin', ADMIN_PASSWORD) }
  const response = await send('GET', '/token?offline_token=true', { headers }, closed)
  const { refresh_token } = await response.json<{ refresh_token: string }>()
  return refresh_token
}

/** Registries that are configured in other ways. */
async function elsewhere(): Promise<Credential[]> {
  const legacy: Env = { ...closed, HTPASSWD }
  const basicOnly: Env = { ...closed, CHALLENGE: 'basic' }
  const atOnce: Mode = { open: false, anonymousAtOnce: true }
  const open: Mode = { open: true, anonymousAtOnce: false }
  const htpasswd: Person = { standsFor: ['htpasswd'], within: null }
  const own = await ticketFor(basic('admin', ADMIN_PASSWORD), scopeQuery('all'))
  return [
    credential(
      'htpasswd',
      basic('legacy', PASSWORD),
      { shows: 'password', person: htpasswd },
      { environment: legacy },
    ),
    credential('no header, Basic asked for', null, NOTHING, {
      environment: basicOnly,
      mode: atOnce,
    }),
    credential('rubbish, Basic asked for', 'Bearer x', RUBBISH, {
      environment: basicOnly,
      mode: atOnce,
    }),
    credential('no header, open', null, NOTHING, { environment: bindings, mode: open }),
    credential('rubbish, open', 'Bearer x', RUBBISH, { environment: bindings, mode: open }),
    ...(await external(own)),
  ]
}

/** A registry whose tokens are somebody else's business. */
async function external(own: string): Promise<Credential[]> {
  const service = await strangerForger('external')
  const { kty, crv, x, y } = service.publicJwk
  const key = { kty, crv, x, y, kid: 'external', alg: 'ES256' }
  const environment: Env = {
    ...closed,
    TOKEN_AUTH: JSON.stringify({
      realm: 'https://auth.example.com/token',
      service: SERVICE,
      issuer: 'external',
      jwks: { keys: [key] },
    }),
  }
  const header = { alg: 'ES256', typ: 'JWT', kid: 'external' }
  const sign = (actions: readonly string[]) =>
    signed(service, header, claimsFor('external', actions))
  const kinds: [string, readonly string[]][] = [
    ['pull', ['pull']],
    ['push', ['push']],
    ['delete', ['delete']],
    ['everything', ['*']],
    ['administration', ['admin']],
    ['nothing', []],
  ]
  const made = await Promise.all(
    kinds.map(async ([name, actions]) => {
      const sender: Sender = {
        shows: 'ticket',
        person: OPERATOR,
        asked: everywhere(...actions),
        lists: true,
      }
      const token = await sign(actions)
      return credential(`external token for ${name}`, `Bearer ${token}`, sender, {
        environment,
        listsAll: true,
      })
    }),
  )
  const pull = await sign(['pull'])
  return [
    ...made,
    credential('external token where none are trusted', `Bearer ${pull}`, RUBBISH),
    credential("the registry's own token where external ones are", `Bearer ${own}`, RUBBISH, {
      environment,
    }),
    credential(
      'a password where external tokens are',
      basic('puller', PASSWORD),
      {
        shows: 'password',
        person: accountNamed('puller'),
      },
      { environment, account: 'puller' },
    ),
  ]
}
