/** Lists the tags of a repository, sorted by name (OCI distribution spec, end-8). */
import { RegistryError } from '../../oci/errors.ts'
import { listTags as list } from '../../store/registry/tags.ts'
import type { RegistryContext } from '../context.ts'

/**
 * Up to `limit` tags after `last`; '' starts at the first.
 * @throws {RegistryError} NAME_UNKNOWN
 */
export async function listTags(
  { databases, repository }: Pick<RegistryContext, 'databases' | 'repository'>,
  last: string,
  limit: number,
): Promise<string[]> {
  const found = await list(databases.of(repository), repository, last, limit)
  if (found === null) throw new RegistryError('NAME_UNKNOWN', { detail: { name: repository } })
  return found
}
