/** The error of a delete that would break an image. It names what must be deleted first. */
import type { Digest } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import { findHolders, type Holder } from '../store/registry/holders.ts'
import { CASCADE_AT_MOST } from '../store/registry/remove-unreachable.ts'
import { mayPull, type RegistryContext } from './context.ts'

const MANIFEST_METHODS = 'GET, HEAD, PUT'
const BLOB_METHODS = 'GET, HEAD'

/** Callers who may pull see the holders. If no tag reaches any holder, the message says how to delete them with the manifest. */
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
  const mayCascade =
    kind === 'manifest' && holders.length > 0 && holders.every(({ tagged }) => tagged === false)
  const wayOut = mayCascade
    ? ', or delete both with ?cascade=unreachable, because no tag reaches it'
    : ''
  return deleteRefusal(
    `${holder} of this repository refers to the ${kind}: delete it first${wayOut}`,
    digest,
    holders,
    kind === 'manifest' ? MANIFEST_METHODS : BLOB_METHODS,
  )
}

/** The refusal of a cascading delete: tags reach the manifest through `holders`. */
export function reachedByTags(
  context: RegistryContext,
  digest: Digest,
  holders: readonly Holder[],
): RegistryError {
  const message =
    'a tag reaches the manifest through an index: delete the tag, or that index, first'
  return deleteRefusal(message, digest, mayPull(context) ? holders : [], MANIFEST_METHODS)
}

export function tooManyHolders(digest: Digest): RegistryError {
  const message =
    `more than ${CASCADE_AT_MOST} manifests would be deleted, counting the indexes that lead to this one: ` +
    'delete some of the indexes first'
  return deleteRefusal(message, digest, [], MANIFEST_METHODS)
}

function deleteRefusal(
  message: string,
  digest: Digest,
  holders: readonly Holder[],
  allow: string,
): RegistryError {
  return new RegistryError('UNSUPPORTED', {
    message,
    detail: { digest, holders: holders.map((one) => ({ ...one })) },
    headers: { Allow: allow },
  })
}
