/** Pushes a blob in a single request (OCI distribution spec, end-4b and end-6): without a session, and without hashing here. */
import { BodyCutOff, withBody } from '../../lib/read-body.ts'
import type { Digest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import { type BlobBody, newStorageKey } from '../../store/bytes/blob-store.ts'
import { buryOnError } from '../../store/bytes/tombstones.ts'
import { registryId } from '../../store/registry/registry.ts'
import { lasting, type RegistryContext } from '../context.ts'
import { commitBlob } from './commit-blob.ts'

export interface WholeBlob {
  digest: Digest
  /** Null for the empty blob. */
  body: ReadableStream<Uint8Array> | null
  /** Bytes. */
  size: number
}

/**
 * @param operation as in commitBlob
 * @returns as commitBlob
 * @throws {RegistryError} DIGEST_INVALID, with nothing stored
 * @throws {BodyCutOff} if the body ends early, with nothing stored
 */
export async function pushBlob(
  context: RegistryContext,
  blob: WholeBlob,
  operation: string,
): Promise<'committed' | 'repeated' | 'gone'> {
  // A started write continues to its commit even if the client disconnects.
  const outcome = await lasting(context, write(context, blob, operation))
  if (outcome instanceof BodyCutOff) throw outcome
  if (outcome === 'digest invalid') {
    throw new RegistryError('DIGEST_INVALID', { detail: blob.digest })
  }
  return outcome
}

/** The blob store checks the digest while it stores the body. */
async function write(
  context: RegistryContext,
  { digest, body, size }: WholeBlob,
  operation: string,
): Promise<'committed' | 'repeated' | 'gone' | 'digest invalid' | BodyCutOff> {
  const { databases, repository, blobs } = context
  const db = databases.of(repository)
  const storageKey = newStorageKey(await registryId(db), 'blobs')
  const store = (bytes: BlobBody) => blobs.write(storageKey, bytes, digest)
  return buryOnError(db, storageKey, async () => {
    const written = await (body === null
      ? store(new Uint8Array(0))
      : withBody(body, size, store).catch(cutOff))
    // The store keeps nothing of a body that broke off or has the wrong digest.
    if (written instanceof BodyCutOff) return written
    if (!written) return 'digest invalid'
    const committed = await commitBlob(context, { digest, size, storageKey }, operation)
    if (committed !== 'buried') return committed
    throw new Error(`the fresh storage key ${storageKey} is buried`)
  })
}

function cutOff(error: unknown): BodyCutOff {
  if (error instanceof BodyCutOff) return error
  throw error
}
