/** Schemas that several requests and answers of the administration API share. */
import * as v from 'valibot'
import { isRepositoryPattern } from '../../lib/repository-pattern.ts'
import { integer } from '../../lib/schemas.ts'
import { isRepositoryName, REPOSITORY_NAME_LIMIT } from '../../oci/name.ts'
import { ACTIONS, type Principal } from '../../store/access/grants.ts'

/** Schemas with a name of their own in the OpenAPI document, by that name. */
export const namedSchemas = new Map<string, v.GenericSchema>()

export function named<Schema extends v.GenericSchema>(name: string, schema: Schema): Schema {
  namedSchemas.set(name, schema)
  return schema
}

/** A whole number in a query. */
export const wholeNumber = v.pipe(v.string(), v.toNumber(), integer)

/** Entries per page, from 1 to 1000; PAGE_DEFAULT if the request does not say. */
export const pageSize = v.optional(
  v.pipe(
    wholeNumber,
    v.minValue(1),
    v.maxValue(1000),
    v.description('Entries on a page; 100 by default'),
  ),
)
export const PAGE_DEFAULT = 100

export const accountName = v.pipe(
  v.string(),
  v.regex(
    /^[a-z0-9][a-z0-9._-]{0,63}$/,
    '1 to 64 characters of a-z, 0-9, ".", "_" and "-", the first a letter or a digit',
  ),
)

export const tokenName = v.pipe(
  v.string(),
  v.regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    '1 to 64 characters of A-Z, a-z, 0-9, ".", "_" and "-", the first a letter or a digit',
  ),
)

export const tokenId = v.pipe(v.string(), v.uuid())

/** Trust rules follow the same rule for names as tokens. */
export const ruleName = tokenName

export const repositoryName = v.pipe(
  v.string(),
  v.maxLength(REPOSITORY_NAME_LIMIT),
  v.check(isRepositoryName, 'not a repository name'),
)

export const repositoryPattern = v.pipe(
  v.string(),
  v.maxLength(REPOSITORY_NAME_LIMIT + 3),
  v.check(
    isRepositoryPattern,
    'not a repository pattern: "team/app" is one repository, "team/*" those directly under team, ' +
      '"team/**" all under it, "*" and "**" the same for the whole registry',
  ),
  v.description(
    'One repository (team/app), all directly under a path (team/*), or all anywhere under it (team/**)',
  ),
)

export const actions = v.pipe(
  v.array(v.picklist(ACTIONS)),
  v.minLength(1),
  v.maxLength(ACTIONS.length),
  v.description(
    'push includes create, which may add tags but not move them. admin includes all others; ' +
      'on "**" it also allows the administration of the registry',
  ),
)

export const grant = named('Grant', v.strictObject({ pattern: repositoryPattern, actions }))

export const grants = v.pipe(v.array(grant), v.maxLength(500))

export const principal = v.pipe(
  v.string(),
  v.regex(
    /^(account:[a-z0-9][a-z0-9._-]{0,63}|token:[0-9a-f-]{36}|trust:[A-Za-z0-9][A-Za-z0-9._-]{0,63}|authenticated|anonymous)$/,
    'one of account:<name>, token:<id>, trust:<rule>, authenticated, anonymous',
  ),
  v.description(
    'account:<name>, token:<id> or trust:<rule>; authenticated is everybody with an account, ' +
      'anonymous is everybody',
  ),
)

/** Parses a text that the schema `principal` has accepted. */
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
