/** Accounts: people with a password, and robots that only have access tokens. */
import type { Context } from 'hono'
import * as v from 'valibot'
import { hashPassword, isPassword } from '../../auth/login/passwords.ts'
import { time } from '../../lib/schemas.ts'
import { RegistryError } from '../../oci/errors.ts'
import {
  type Account,
  createAccount,
  endSession,
  findAccount,
  listAccounts,
  removeAccount,
  updateAccount,
} from '../../store/access/accounts.ts'
import type { AppEnv } from '../middleware/context.ts'
import { changedBy, isAdministrator } from './caller.ts'
import { NO_CONTENT, operation } from './operation.ts'
import { page } from './pages.ts'
import { accountName, formatTime, named, pageSize } from './schemas.ts'

/** The name of the operator's login, and the name of logins with an ID token. */
const RESERVED = ['admin', 'oidc']

const account = named(
  'Account',
  v.object({
    name: accountName,
    hasPassword: v.boolean(),
    disabled: v.boolean(),
    createdAt: time,
  }),
)

const password = v.pipe(
  v.string(),
  v.minLength(12),
  v.maxLength(256),
  v.check(isPassword, '12 to 256 characters, and no control characters'),
)

const byName = v.strictObject({ name: accountName })

export const accounts = [
  operation({
    id: 'listAccounts',
    method: 'get',
    path: '/accounts',
    summary: 'List the accounts by name',
    access: 'admin',
    request: v.object({
      query: v.strictObject({ n: pageSize, last: v.optional(accountName) }),
    }),
    status: 200,
    answer: v.object({ accounts: v.array(account) }),
    async handle({ query: { n, last = '' } }, c) {
      const found = await page(
        c,
        n,
        (limit) => listAccounts(c.var.db, last, limit),
        ({ name }) => ({ last: name }),
      )
      return { accounts: found.map(showAccount) }
    },
  }),

  operation({
    id: 'createAccount',
    method: 'post',
    path: '/accounts',
    summary: 'Create an account',
    description: 'Without a password it is a robot, which can only sign in with access tokens.',
    access: 'admin',
    request: v.object({
      body: v.strictObject({ name: accountName, password: v.optional(password) }),
    }),
    status: 201,
    answer: account,
    errors: [409],
    async handle({ body: { name, password } }, c) {
      refuseTakenName(c, name)
      const passwordHash = password === undefined ? null : await hashPassword(password)
      const created = await createAccount(c.var.db, changedBy(c), { name, passwordHash })
      if (created === null) throw accountTaken(name, 'the name is taken')
      return showAccount(created)
    },
  }),

  operation({
    id: 'getAccount',
    method: 'get',
    path: '/accounts/{name}',
    summary: 'Get an account',
    description: 'For administrators, and for the account itself with its password.',
    access: 'account',
    request: v.object({ params: byName }),
    status: 200,
    answer: account,
    errors: [404],
    async handle({ params: { name } }, c) {
      const found = await findAccount(c.var.db, name)
      if (found === null) throw unknownAccount(name)
      return showAccount(found)
    },
  }),

  operation({
    id: 'updateAccount',
    method: 'patch',
    path: '/accounts/{name}',
    summary: 'Change an account',
    description:
      'An account that signed in with its password may change its own password. Everything else is for ' +
      'administrators. The password null turns the account into a robot. A new password, or ' +
      'disabling the account, ends its tokens: refresh tokens at once and permanently, bearer tokens ' +
      'within 60 seconds. The access tokens of a disabled account are refused from the next request ' +
      'until the account is enabled again.',
    access: 'account',
    request: v.object({
      params: byName,
      body: v.strictObject({
        password: v.optional(v.nullable(password)),
        disabled: v.optional(v.boolean()),
      }),
    }),
    status: 200,
    answer: account,
    errors: [404],
    async handle({ params: { name }, body: { password, disabled } }, c) {
      if (!isAdministrator(c) && (password === null || disabled !== undefined)) {
        throw new RegistryError('DENIED', {
          message: 'an account may change only its password; the rest is for administrators',
        })
      }
      const passwordHash = typeof password === 'string' ? await hashPassword(password) : password
      const changes = { passwordHash, disabled }
      const updated = await updateAccount(c.var.db, changedBy(c), name, changes)
      if (updated === null) throw unknownAccount(name)
      return showAccount(updated)
    },
  }),

  operation({
    id: 'signOutAccount',
    method: 'post',
    path: '/accounts/{name}/sign-out',
    summary: 'Sign an account out everywhere',
    description:
      'For administrators, and for the account itself with its password. Refresh tokens end at once ' +
      'and permanently, bearer tokens within 60 seconds. The password and the access tokens stay valid.',
    access: 'account',
    request: v.object({ params: byName }),
    status: 204,
    answer: NO_CONTENT,
    errors: [404],
    async handle({ params: { name } }, c) {
      if (!(await endSession(c.var.db, changedBy(c), name))) throw unknownAccount(name)
      return null
    },
  }),

  operation({
    id: 'deleteAccount',
    method: 'delete',
    path: '/accounts/{name}',
    summary: 'Delete an account with its access tokens and grants',
    access: 'admin',
    request: v.object({ params: byName }),
    status: 204,
    answer: NO_CONTENT,
    errors: [404],
    async handle({ params: { name } }, c) {
      if (!(await removeAccount(c.var.db, changedBy(c), name))) throw unknownAccount(name)
      return null
    },
  }),
]

/** Refuses a name that another kind of login already uses: that login, or the account, would stop working. */
function refuseTakenName(c: Context<AppEnv>, name: string): void {
  if (RESERVED.includes(name)) throw accountTaken(name, 'the name is reserved')
  if (c.var.settings.htpasswd?.has(name)) {
    throw accountTaken(name, 'the name is in HTPASSWD: remove it there first')
  }
}

function accountTaken(name: string, why: string): RegistryError {
  return new RegistryError('CONFLICT', {
    message: `the account ${name} was not created: ${why}`,
    detail: { name },
  })
}

export function unknownAccount(name: string): RegistryError {
  return new RegistryError('NOT_FOUND', { message: 'no such account', detail: { name } })
}

function showAccount({
  name,
  hasPassword,
  disabled,
  createdAt,
}: Account): v.InferInput<typeof account> {
  return { name, hasPassword, disabled, createdAt: formatTime(createdAt) }
}
