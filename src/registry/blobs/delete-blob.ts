/** Deletes a blob from a repository (OCI distribution spec, end-10). */
import type { Digest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import { unlinkBlob } from '../../store/registry/blobs.ts'
import { lasting, type RegistryContext } from '../context.ts'
import { announce, eventOf } from '../events.ts'
import { inUse } from '../in-use.ts'
import { digestKey, noteDeleted } from '../read-nearest.ts'

/** @throws {RegistryError} BLOB_UNKNOWN; UNSUPPORTED if a manifest refers to it */
export async function deleteBlob(context: RegistryContext, digest: Digest): Promise<void> {
  const { databases, repository } = context
  const event = eventOf(context, 'delete', { digest, kind: 'blob' })
  const [outcome] = await Promise.all([
    lasting(context, unlinkBlob(databases.of(repository), repository, digest, event)),
    noteDeleted(context, digestKey(context, digest)),
  ])
  if (outcome === 'unknown') throw new RegistryError('BLOB_UNKNOWN', { detail: digest })
  if (outcome === 'in use') throw await inUse(context, 'blob', digest)
  announce(context, [event])
}
