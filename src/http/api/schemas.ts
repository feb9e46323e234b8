/** What the administration API's requests and answers are made of. */
import * as z from 'zod/mini'
import { isRepositoryPattern } from '../../lib/repository-pattern.ts'
import { isRepositoryName, REPOSITORY_NAME_LIMIT } from '../../oci/name.ts'
import { ACTIONS, type Principal } from '../../store/grants.ts'

export const time = z.iso.datetime()

/** `limit` of them at most, 100 where the request does not say. */
export const pageSize = z.optional(
  z.coerce
    .number()
    .check(z.int(), z.minimum(1), z.maximum(1000), z.describe('Entries on a page; 100 by default')),
)
export const PAGE_DEFAULT = 100

export const accountName = z
  .string()
  .check(
    z.regex(
      /^[a-z0-9][a-z0-9._-]{0,63}$/,
      '1 to 64 characters of a-z, 0-9, ".", "_" and "-", the first a letter or a digit',
    ),
  )

export const tokenName = z
  .string()
  .check(
    z.regex(
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
      '1 to 64 characters of A-Z, a-z, 0-9, ".", "_" and "-", the first a letter or a digit',
    ),
  )

export const tokenId = z.uuid()

/** Trust rules are named as tokens are. */
export const ruleName = tokenName

export const repositoryName = z
  .string()
  .check(z.maxLength(REPOSITORY_NAME_LIMIT), z.refine(isRepositoryName, 'not a repository name'))

export const repositoryPattern = z
  .string()
  .check(
    z.maxLength(REPOSITORY_NAME_LIMIT + 3),
    z.refine(
      isRepositoryPattern,
      'not a repository pattern: "team/app" is one repository, "team/*" those directly under team, ' +
        '"team/**" all under it, "*" and "**" the same for the whole registry',
    ),
    z.describe(
      'A repository, or all directly under a path (team/*), or all anywhere under (team/**)',
    ),
  )

export const actions = z
  .array(z.enum(ACTIONS))
  .check(
    z.minLength(1),
    z.maxLength(ACTIONS.length),
    z.describe(
      'push includes create, which may add tags but not move them; admin includes all others, ' +
        'and on "**" the administration of the registry',
    ),
  )

export const grant = z
  .strictObject({ pattern: repositoryPattern, actions })
  .check(z.meta({ id: 'Grant' }))

export const grants = z.array(grant).check(z.maxLength(500))

export const principal = z
  .string()
  .check(
    z.regex(
      /^(account:[a-z0-9][a-z0-9._-]{0,63}|token:[0-9a-f-]{36}|trust:[A-Za-z0-9][A-Za-z0-9._-]{0,63}|authenticated|anonymous)$/,
      'one of account:<name>, token:<id>, trust:<rule>, authenticated, anonymous',
    ),
    z.describe(
      'account:<name>, token:<id> or trust:<rule>; authenticated is everybody with an account, ' +
        'anonymous everybody at all',
    ),
  )

/** Of a text that the schema `principal` let pass. */
export function parsePrincipal(text: string): Principal {
  const [kind, name = ''] = text.split(':')
  switch (kind) {
    case 'account':
    case 'token':
    case 'trust':
    case 'authenticated':
      return { kind, name }
    default:
      return { kind: 'anonymous', name: '' }
  }
}

export function formatTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}

export function formatTimeOrNull(milliseconds: number | null): string | null {
  return milliseconds === null ? null : formatTime(milliseconds)
}
