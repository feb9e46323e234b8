/** Pulls a blob (OCI distribution spec, end-2). */
import { BLOB_MEDIA_TYPE } from '../../events/model/event.ts'
import type { Digest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import type { ByteRange } from '../../store/bytes/blob-store.ts'
import { findBlob } from '../../store/registry/blobs.ts'
import type { RegistryContext } from '../context.ts'
import { blobUrl, notePull } from '../events.ts'
import { digestKey, readNearest } from '../read-nearest.ts'

export interface PulledBlob {
  descriptor: { digest: Digest; size: number }
  /** The key of the bytes in the bucket. */
  storageKey: string
  /** Opens the bytes, or those of `range`. */
  open: (range?: ByteRange) => Promise<ReadableStream<Uint8Array>>
  /** Records the pull event. */
  note: () => void
}

/**
 * @param willRead whether the bytes will be read: concurrent reads of the same blob then share one read
 * @throws {RegistryError} BLOB_UNKNOWN
 */
export async function pullBlob(
  context: RegistryContext,
  digest: Digest,
  willRead: boolean,
): Promise<PulledBlob> {
  const { repository, cache } = context
  if (willRead) cache.announce(digest)
  const blob = await readNearest(context, digestKey(context, digest), (db) =>
    findBlob(db, repository, digest),
  )
  if (blob === null) throw new RegistryError('BLOB_UNKNOWN', { detail: digest })
  const { size, storageKey } = blob
  return {
    descriptor: { digest, size },
    storageKey,
    async open(range) {
      const body = await cache.read(storageKey, size, range)
      if (body !== null) return body
      throw new Error(`the object ${storageKey} is missing from the blob store`)
    },
    note: () =>
      notePull(context, 'blobs', () => {
        const url = blobUrl(context, digest)
        return { mediaType: BLOB_MEDIA_TYPE, size, digest, url }
      }),
  }
}
