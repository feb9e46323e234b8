/** The repository that an operation is about, for who may pull from it. */
import type { Context } from 'hono'
import { RegistryError } from '../../oci/errors.ts'
import { findRepository, type RepositoryFacts } from '../../store/repository-visibility.ts'
import type { AppEnv } from '../context.ts'

/** @throws {RegistryError} NAME_UNKNOWN, whether the repository does not exist or the caller may not know that it does */
export async function findPullable(c: Context<AppEnv>, name: string): Promise<RepositoryFacts> {
  const mayPull = c.var.caller.rights.on(name).has('pull')
  const facts = mayPull ? await findRepository(c.var.db, name) : null
  if (facts !== null) return facts
  throw new RegistryError('NAME_UNKNOWN', { detail: { name } })
}
