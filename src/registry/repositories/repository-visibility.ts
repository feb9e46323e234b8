/**
 * Whether everyone may pull from a repository. This follows from the grants of `anonymous`; the repository itself has no such
 * property.
 */
import { RegistryError } from '../../oci/errors.ts'
import {
  setVisibility as set,
  type Visibility,
} from '../../store/registry/repository-visibility.ts'
import { changedBy, type RegistryContext } from '../context.ts'

/**
 * Adds or removes the grant of `anonymous` on exactly this repository, which must exist.
 * @throws {RegistryError} CONFLICT if a pattern makes it public: then it cannot become private alone
 */
export async function setVisibility(
  context: RegistryContext,
  visibility: Visibility,
): Promise<void> {
  const { databases, repository } = context
  const patterns = await set(databases.control, changedBy(context), repository, visibility)
  if (patterns.length === 0) return
  throw new RegistryError('CONFLICT', {
    message: `${repository} stays public: anonymous may pull from ${patterns.join(', ')}`,
    detail: { patterns },
  })
}
