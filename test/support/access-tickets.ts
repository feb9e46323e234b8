/** Bearer tokens for the matrix: of everybody who can have one, of an external service, and those that are no good. */
import { env } from 'cloudflare:workers'
import type { Env } from '../../src/http/middleware/context.ts'
import {
  accountNamed,
  type Credential,
  credential,
  type Named,
  OPERATOR,
  people,
  personOf,
  RUBBISH,
} from './access-credential.ts'
import { NOBODY, type Person, type Sender } from './access-model.ts'
import { everywhere, SCOPES, SERVICE, scopeQuery, ticketFor } from './access-scopes.ts'
import {
  ADMIN_PASSWORD,
  basic,
  closed,
  type MadeToken,
  PASSWORD,
  REPOSITORIES,
} from './access-world.ts'
import { base64url, registryForger, signed, strangerForger, utf8 } from './forged-tokens.ts'
import { send } from './registry.ts'

export async function tickets(tokens: readonly MadeToken[]): Promise<Credential[]> {
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

function claimsFor(
  issuer: string,
  actions: readonly string[],
  repositories: readonly string[] = REPOSITORIES,
) {
  const now = Math.floor(Date.now() / 1000)
  const names = repositories.map((name) => ({ type: 'repository', name, actions }))
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
export async function badTickets(): Promise<Credential[]> {
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

/** A registry whose tokens are somebody else's business. */
export async function external(own: string): Promise<Credential[]> {
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
  // Names in a token are names, whatever they look like.
  const patterns = ['*', '**', ...REPOSITORIES.map((name) => name.replace(/[^/]+$/, '**'))]
  const asked = patterns.map((name) => ({ name, verbs: ['*'] }))
  const wide = await signed(service, header, claimsFor('external', ['*'], patterns))
  return [
    ...made,
    credential(
      'external token for patterns',
      `Bearer ${wide}`,
      { shows: 'ticket', person: OPERATOR, asked, lists: true },
      { environment, listsAll: true },
    ),
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
