/** A credential as the matrix tries it, and the people who have one. */
import type { Env } from '../../src/http/middleware/context.ts'
import type { Mode, Person, Sender } from './access-model.ts'
import {
  ADMIN_PASSWORD,
  basic,
  closed,
  type MadeToken,
  PASSWORD,
  SET_ACCOUNTS,
} from './access-world.ts'

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

export function credential(
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

export const NOTHING: Sender = { shows: 'nothing' }
export const RUBBISH: Sender = { shows: 'rubbish' }

export interface Named {
  name: string
  authorization: string
  person: Person
}

export const OPERATOR: Person = { standsFor: ['operator'], within: null }

export function accountNamed(name: string): Person {
  return { standsFor: [`account:${name}`, 'authenticated', 'anonymous'], within: null }
}

export function people(tokens: readonly MadeToken[]): Named[] {
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

export function personOf({ owner, id, limited }: MadeToken): Person {
  return { ...accountNamed(owner), within: limited ? `token:${id}` : null }
}
