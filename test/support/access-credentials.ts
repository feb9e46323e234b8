/** Every kind of credential, as it stands in an Authorization header, with what the model is to make of it. */
import type { Env } from '../../src/http/middleware/context.ts'
import { type Credential, credential, NOTHING, people, RUBBISH } from './access-credential.ts'
import type { Mode, Person } from './access-model.ts'
import { scopeQuery, ticketFor } from './access-scopes.ts'
import { badTickets, external, tickets } from './access-tickets.ts'
import {
  ADMIN_PASSWORD,
  basic,
  closed,
  type MadeToken,
  PASSWORD,
  SET_ACCOUNTS,
  type World,
} from './access-world.ts'
import { bindings } from './registry.ts'

/** bcrypt of PASSWORD at the lowest cost. */
const HTPASSWD = 'legacy:$2b$04$iOyCyK7d0/zIqzoETDHC0uuCppsGki/sMa8f34qbiol5xwwBpY0Ii'

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
