/** What the tables of bad tokens share: a good token to begin with, and one for each entry of a table. */
import type { Forger } from './forged-tokens.ts'

export interface BadToken {
  name: string
  token: string
}

export interface Target {
  registry: Forger
  /** The registry's service and issuer. */
  service: string
  /** Seconds since the epoch. */
  now: number
}

export type Claims = Record<string, unknown>
export type Named<T> = readonly [name: string, value: T]

/** What a claim may be instead of a string or a number. */
export const OTHER_TYPES: readonly Named<unknown>[] = [
  ['null', null],
  ['true', true],
  ['an empty list', []],
  ['an object', {}],
]

export function goodHeader({ registry }: Target): Claims {
  return { alg: 'ES256', typ: 'JWT', kid: registry.kid }
}

export function goodClaims({ service, now }: Target): Claims {
  return {
    iss: service,
    aud: service,
    sub: 'admin',
    iat: now,
    nbf: now,
    exp: now + 300,
    jti: '5f0c2c1e-9b1f-4a53-8a53-0c8f2f6f7d10',
    access: [{ type: 'repository', name: 'private/app', actions: ['pull', 'push', 'delete'] }],
    visible: ['**'],
  }
}

/** A token for each entry of a table. */
export function all<T>(
  entries: readonly Named<T>[],
  make: (value: T, name: string) => Promise<string> | string,
): Promise<BadToken[]> {
  return Promise.all(
    entries.map(async ([name, value]) => ({ name, token: await make(value, name) })),
  )
}

export function without(object: Claims, name: string): Claims {
  const { [name]: _, ...rest } = object
  return rest
}
