/** Whether everybody may pull from a repository. The grants of `anonymous` say so: it is nothing of the repository's own. */
import { RegistryError } from '../oci/errors.ts'
import { setVisibility as set, type Visibility } from '../store/repository-visibility.ts'
import { changedBy, type RegistryContext } from './context.ts'

/**
 * Gives or takes the grant of `anonymous` on this very repository, which exists.
 * @throws {RegistryError} CONFLICT where a pattern makes it public: then it cannot become private by itself
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
