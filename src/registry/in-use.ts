/** The error of a delete that would break an image. It names what must be deleted first. */
import type { Digest } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import { findHolders } from '../store/holders.ts'
import { mayPull, type RegistryContext } from './context.ts'

/** Only callers with the right to pull see the holders. */
export async function inUse(
  context: RegistryContext,
  kind: 'manifest' | 'blob',
  digest: Digest,
): Promise<RegistryError> {
  const { databases, repository } = context
  const holders = mayPull(context)
    ? await findHolders(databases.of(repository), repository, kind, digest)
    : []
  const holder = kind === 'manifest' ? 'an index' : 'a manifest'
  return new RegistryError('UNSUPPORTED', {
    message: `${holder} of this repository refers to the ${kind}: delete it first`,
    detail: { digest, holders: holders.map((one) => ({ ...one })) },
    headers: { Allow: kind === 'manifest' ? 'GET, HEAD, PUT' : 'GET, HEAD' },
  })
}
