/** Who may call an operation of the administration API: more than the guard beside its route knows. */
import type { Context } from 'hono'
import { RegistryError } from '../../oci/errors.ts'
import { findRepository, type RepositoryFacts } from '../../store/registry/repository-visibility.ts'
import type { AppEnv } from '../middleware/context.ts'
import { type Access, requireDeletes } from '../middleware/guard.ts'
import { requireAccount } from './caller.ts'

/** What a handler is told about that which its caller was let in to. */
interface Admitted {
  none: undefined
  /** Any name and password. */
  'signed-in': undefined
  /** An administrator of the registry. */
  admin: undefined
  /** An administrator, or the account of the path's `name` with its password. */
  account: undefined
  /** Who may pull from the path's repository; the repository is unknown to all others, whether it exists or not. */
  'repository-pull': RepositoryFacts
  /** Who has the action admin on the path's repository. */
  'repository-admin': RepositoryFacts
  /** The same, where deletes are switched on. */
  'repository-delete': RepositoryFacts
}

export type OperationAccess = keyof Admitted
export type AdmittedTo<Access extends OperationAccess> = Admitted[Access]

const ADMISSIONS: {
  readonly [Access in OperationAccess]: (c: Context<AppEnv>) => Promise<Admitted[Access]>
} = {
  none: askNothing,
  'signed-in': askNothing,
  admin: askNothing,
  async account(c) {
    requireAccount(c, nameIn(c, 'name'))
    return undefined
  },
  'repository-pull': findPullable,
  'repository-admin': findAdministered,
  async 'repository-delete'(c) {
    const facts = await findAdministered(c)
    requireDeletes(c)
    return facts
  },
}

/** What the guard beside the route asks for, before the request is read. */
export function guardOf(access: OperationAccess): Extract<Access, 'none' | 'signed-in' | 'admin'> {
  return access === 'none' || access === 'admin' ? access : 'signed-in'
}

/**
 * Asks for the rest, once the guard has let the request through and its path was found valid.
 * @throws {RegistryError} NAME_UNKNOWN, DENIED, or UNSUPPORTED where deletes are switched off
 */
export function admit<Access extends OperationAccess>(
  access: Access,
  c: Context<AppEnv>,
): Promise<AdmittedTo<Access>> {
  return ADMISSIONS[access](c)
}

/** The guard has asked for all that there is to ask. */
async function askNothing(): Promise<undefined> {
  return undefined
}

async function findPullable(c: Context<AppEnv>): Promise<RepositoryFacts> {
  const name = nameIn(c, 'repository')
  const mayPull = c.var.caller.rights.on(name).has('pull')
  const facts = mayPull ? await findRepository(c.var.db, name) : null
  if (facts !== null) return facts
  throw new RegistryError('NAME_UNKNOWN', { detail: { name } })
}

async function findAdministered(c: Context<AppEnv>): Promise<RepositoryFacts> {
  const name = nameIn(c, 'repository')
  const facts = await findPullable(c)
  if (c.var.caller.rights.on(name).has('admin')) return facts
  throw new RegistryError('DENIED', { message: `this takes the action admin on ${name}` })
}

/** As the handler has it: the schemas of names check them and change nothing. '' is nobody's. */
function nameIn(c: Context<AppEnv>, parameter: 'name' | 'repository'): string {
  return c.req.param(parameter) ?? ''
}
