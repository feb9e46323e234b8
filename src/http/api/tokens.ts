/** Access tokens. An account creates and revokes its own. Administrators manage those of all accounts, including robots. */
import type { Context } from 'hono'
import * as v from 'valibot'
import { newAccessToken } from '../../auth/login/access-tokens.ts'
import { integer, time } from '../../lib/schemas.ts'
import { RegistryError } from '../../oci/errors.ts'
import {
  type AccessToken,
  createAccessToken,
  findAccessToken,
  listAccessTokens,
  revokeAccessToken,
} from '../../store/access/access-tokens.ts'
import { mergeGrants } from '../../store/access/manage-grants.ts'
import type { AppEnv } from '../middleware/context.ts'
import { unknownAccount } from './accounts.ts'
import { changedBy, isAdministrator, ownAccount, requireAccount } from './caller.ts'
import { invalidRequest, NO_CONTENT, operation } from './operation.ts'
import { page } from './pages.ts'
import {
  accountName,
  formatTime,
  formatTimeOrNull,
  grant,
  grants,
  named,
  pageSize,
  tokenId,
  tokenName,
} from './schemas.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const EXPIRES_IN_DAYS_MAX = 3650

const tokenFields = {
  id: tokenId,
  account: accountName,
  name: tokenName,
  grants: v.pipe(
    v.nullable(v.array(grant)),
    v.description('The limits of the token; null means that it may do everything its account may'),
  ),
  createdAt: time,
  expiresAt: v.nullable(time),
  lastUsedAt: v.pipe(v.nullable(time), v.description('Precise to the minute')),
  revokedAt: v.nullable(time),
}

const token = named('AccessToken', v.object(tokenFields))

const createdToken = named(
  'CreatedAccessToken',
  v.object({
    ...tokenFields,
    secret: v.pipe(v.string(), v.description('The password for logins; shown only in this answer')),
  }),
)

const newToken = v.strictObject({
  name: tokenName,
  account: v.pipe(
    v.optional(accountName),
    v.description("The caller's own account by default; only administrators may name another"),
  ),
  expiresInDays: v.optional(
    v.pipe(
      integer,
      v.minValue(1),
      v.maxValue(EXPIRES_IN_DAYS_MAX),
      v.description('By default the token does not expire'),
    ),
  ),
  expiresAt: v.optional(time),
  grants: v.pipe(
    v.optional(grants),
    v.description('Limits the token to these grants. It never has more rights than its account'),
  ),
})

const lastToken = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9][a-z0-9._-]{0,63}\/[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
)

export const tokens = [
  operation({
    id: 'listTokens',
    method: 'get',
    path: '/tokens',
    summary: 'List access tokens by account and name',
    description:
      'Lists the tokens of `account`. Without it, lists the tokens of the caller, or of all accounts for administrators.',
    access: 'signed-in',
    request: v.object({
      query: v.strictObject({
        account: v.optional(accountName),
        n: pageSize,
        last: v.optional(lastToken),
      }),
    }),
    status: 200,
    answer: v.object({ tokens: v.array(token) }),
    errors: [403],
    async handle({ query: { account: given, n, last } }, c) {
      const account = given ?? (isAdministrator(c) ? null : accountOfCaller(c))
      if (account !== null) requireAccount(c, account)
      const found = await page(
        c,
        n,
        (limit) => listAccessTokens(c.var.db, { account, last: tokenAfter(last), limit }),
        ({ account, name }) => ({ last: `${account}/${name}` }),
      )
      return { tokens: found.map(showToken) }
    },
  }),

  operation({
    id: 'createToken',
    method: 'post',
    path: '/tokens',
    summary: 'Create an access token',
    description: 'For administrators, and for an account that signed in with its password.',
    access: 'signed-in',
    request: v.object({ body: newToken }),
    status: 201,
    answer: createdToken,
    errors: [403, 404, 409],
    async handle({ body }, c) {
      const account = body.account ?? accountOfCaller(c)
      requireAccount(c, account)
      const by = changedBy(c)
      const { secret, hash } = await newAccessToken()
      const created = await createAccessToken(c.var.db, by, {
        account,
        name: body.name,
        grants: body.grants === undefined ? null : mergeGrants(body.grants),
        expiresAt: expiryOf(body, by.at),
        secretHash: hash,
      })
      if (typeof created !== 'string') return { ...showToken(created), secret }
      throw creationRefusal(created, account, body.name)
    },
  }),

  operation({
    id: 'revokeToken',
    method: 'delete',
    path: '/tokens/{id}',
    summary: 'Revoke an access token',
    description:
      'The token is refused from the next request, and listed for another 90 days. Bearer tokens that ' +
      'it obtained end within 60 seconds.',
    access: 'signed-in',
    request: v.object({ params: v.strictObject({ id: tokenId }) }),
    status: 204,
    answer: NO_CONTENT,
    errors: [404],
    async handle({ params: { id } }, c) {
      const found = await findAccessToken(c.var.db, id)
      const mine = found !== null && (isAdministrator(c) || ownAccount(c) === found.account)
      // The answer must not reveal that another account has such a token.
      if (!mine) throw new RegistryError('NOT_FOUND', { message: 'no such token', detail: { id } })
      await revokeAccessToken(c.var.db, changedBy(c), found)
      return null
    },
  }),
]

/** @throws {RegistryError} DENIED if the caller has no account, or signed in with a token */
function accountOfCaller(c: Context<AppEnv>): string {
  const account = ownAccount(c)
  if (account !== null) return account
  if (isAdministrator(c)) {
    throw invalidRequest([
      { field: 'account', problem: 'required, because the caller has no account' },
    ])
  }
  throw new RegistryError('DENIED', {
    message: 'only an account that signed in with its password may manage access tokens',
  })
}

function expiryOf(body: v.InferOutput<typeof newToken>, now: number): number | null {
  const { expiresInDays, expiresAt } = body
  if (expiresInDays !== undefined && expiresAt !== undefined) {
    throw invalidRequest([{ field: 'expiresAt', problem: 'given together with expiresInDays' }])
  }
  if (expiresInDays !== undefined) return now + expiresInDays * DAY_MS
  if (expiresAt === undefined) return null
  const at = Date.parse(expiresAt)
  if (at > now && at <= now + EXPIRES_IN_DAYS_MAX * DAY_MS) return at
  const problem = `must be in the future, and within ${EXPIRES_IN_DAYS_MAX} days`
  throw invalidRequest([{ field: 'expiresAt', problem }])
}

function creationRefusal(
  why: 'no account' | 'name taken' | 'too many',
  account: string,
  name: string,
): RegistryError {
  if (why === 'no account') return unknownAccount(account)
  const message =
    why === 'name taken'
      ? `${account} already has an access token named ${name}`
      : `${account} has the maximum number of access tokens`
  return new RegistryError('CONFLICT', { message, detail: { account, name } })
}

function tokenAfter(last: string | undefined): { account: string; name: string } | null {
  const [account, name] = last?.split('/') ?? []
  return account === undefined || name === undefined ? null : { account, name }
}

function showToken(stored: AccessToken): v.InferInput<typeof token> {
  return {
    id: stored.id,
    account: stored.account,
    name: stored.name,
    grants:
      stored.grants?.map(({ pattern, actions }) => ({ pattern, actions: [...actions] })) ?? null,
    createdAt: formatTime(stored.createdAt),
    expiresAt: formatTimeOrNull(stored.expiresAt),
    lastUsedAt: formatTimeOrNull(stored.lastUsedAt),
    revokedAt: formatTimeOrNull(stored.revokedAt),
  }
}
