/** Mounts a blob of another repository (OCI distribution spec, end-11). */
import { BLOB_MEDIA_TYPE } from '../../events/model/event.ts'
import type { RepositoryPattern } from '../../lib/repository-pattern.ts'
import type { Digest } from '../../oci/digest.ts'
import { mountBlob as mount, repositoryWithBlob } from '../../store/registry/blobs.ts'
import { lasting, type RegistryContext } from '../context.ts'
import { announce, blobUrl, eventOf } from '../events.ts'

/** Where to look for the blob: in one repository, or in all that the caller may pull from. */
export type MountSource = { from: string } | { pullable: readonly RepositoryPattern[] }

/**
 * The caller passes '' as the source for a repository that it may not see. No repository has that name, so the search fails and
 * takes as long as for a missing blob.
 * @returns false if the blob was not found; then nothing changed
 */
export async function mountBlob(
  context: RegistryContext,
  digest: Digest,
  source: MountSource,
): Promise<boolean> {
  const { databases, repository } = context
  const db = databases.of(repository)
  const found =
    'from' in source ? source.from : await repositoryWithBlob(db, digest, source.pullable)
  const from = found && (await mayPullFrom(context, found, digest)) ? found : ''
  const target = { mediaType: BLOB_MEDIA_TYPE, digest, url: blobUrl(context, digest) }
  const event = eventOf(context, 'mount', { ...target, fromRepository: from })
  const mounted = await lasting(context, mount(db, repository, digest, from, event))
  if (mounted) announce(context, [event])
  return mounted
}

/** Whether the policy allows a pull of the blob. What it refuses is looked for in vain, like what the caller may not see. */
async function mayPullFrom(
  { policy, by }: RegistryContext,
  repository: string,
  digest: Digest,
): Promise<boolean> {
  const request = { action: 'pull', repository, reference: digest, subject: by.subject } as const
  return policy === null || (await policy(request)) === null
}
