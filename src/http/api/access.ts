/** Checks the part of the access to an operation of the administration API that the guard beside its route cannot check. */
import type { Context } from 'hono'
import { RegistryError } from '../../oci/errors.ts'
import { findRepository, type RepositoryFacts } from '../../store/registry/repository-visibility.ts'
import type { AppEnv } from '../middleware/context.ts'
import { type Access, askPolicy, requireDeletes } from '../middleware/guard.ts'
import { requireAccount } from './caller.ts'

/** What each kind of access requires of the caller, and what its check returns to the handler. */
interface Admitted {
  none: undefined
  /** Any caller with a name and a password. */
  'signed-in': undefined
  /** An administrator of the registry. */
  admin: undefined
  /** An administrator, or the account of the path's `name` with its password. */
  account: undefined
  /** Callers who may pull from the repository in the path. For all others it is unknown, whether it exists or not. */
  'repository-pull': RepositoryFacts
  /** Callers with the action `admin` on the repository in the path. */
  'repository-admin': RepositoryFacts
  /** The same, if deletes are enabled. */
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
  async 'repository-pull'(c) {
    const facts = await findPullable(c)
    await askPolicy(c, 'pull', nameIn(c, 'repository'), '')
    return facts
  },
  'repository-admin': findAdministered,
  async 'repository-delete'(c) {
    const facts = await findAdministered(c)
    requireDeletes(c)
    await askPolicy(c, 'delete', nameIn(c, 'repository'), '')
    return facts
  },
}

/** The access that the guard beside the route checks before the request is read. */
export function guardOf(access: OperationAccess): Extract<Access, 'none' | 'signed-in' | 'admin'> {
  return access === 'none' || access === 'admin' ? access : 'signed-in'
}

/**
 * Checks the rest, after the guard has admitted the request and its path was found valid.
 * @throws {RegistryError} NAME_UNKNOWN; DENIED; UNSUPPORTED if deletes are disabled
 */
export function admitTo<Access extends OperationAccess>(
  access: Access,
  c: Context<AppEnv>,
): Promise<AdmittedTo<Access>> {
  return ADMISSIONS[access](c)
}

/** The guard has already checked everything. */
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
  throw new RegistryError('DENIED', { message: `this requires the action admin on ${name}` })
}

/** A name from the path, valid and unchanged by its schema. An empty name matches nothing. */
function nameIn(c: Context<AppEnv>, parameter: 'name' | 'repository'): string {
  return c.req.param(parameter) ?? ''
}
