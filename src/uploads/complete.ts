/**
 * The end of an upload in parts: the last part, the digest of all, the finished object. It can be begun again after it broke
 * off anywhere: on R2 a second completion is refused, so a finished object of the right size counts as completed.
 */
import { algorithmOf, type Digest } from '../oci/digest.ts'
import type { BlobStore } from '../store/blob-store.ts'
import type { PartHash } from './part-hash.ts'
import { digestOfStream } from './part-hash.ts'
import type { PartWriter } from './part-writer.ts'
import type { SessionState } from './session-state.ts'

/**
 * Makes one object of everything that was committed.
 * @returns whether its bytes hash to `digest`; if not, nothing is left of them
 */
export function completeUpload(
  store: BlobStore,
  state: SessionState,
  writer: PartWriter,
  digest: Digest,
): Promise<boolean> {
  return writer.withTail(async (tail, hash) => {
    const { partsId, storageKey } = state
    if (partsId !== null && state.partCount > 0) {
      return completeParts(store, state, partsId, { tail, hash, digest })
    }
    // Parts were begun and the first one failed: the client went on with less.
    if (partsId !== null) await store.abortParts(storageKey, partsId)
    // Less than a part: one write, which the store verifies by itself.
    return store.write(storageKey, tail, digest)
  })
}

interface Completion {
  tail: Uint8Array<ArrayBuffer>
  hash: PartHash | undefined
  digest: Digest
}

async function completeParts(
  store: BlobStore,
  state: SessionState,
  partsId: string,
  { tail, hash, digest }: Completion,
): Promise<boolean> {
  const { storageKey, offset: size } = state
  if (hash?.algorithm === algorithmOf(digest)) {
    if ((await hash.finish(tail)) !== digest) {
      await store.abortParts(storageKey, partsId)
      return false
    }
    const last = await writeLastPart(store, state, partsId, tail)
    await store.completeParts(storageKey, partsId, [...state.parts(), ...last])
    return true
  }
  // The hash was lost, or is of another algorithm than the digest: read the finished object once.
  if ((await store.size(storageKey)) !== size) {
    const last = await writeLastPart(store, state, partsId, tail)
    await store.completeParts(storageKey, partsId, [...state.parts(), ...last])
  }
  const stream = await store.read(storageKey)
  if (stream === null) throw new Error(`the completed object ${storageKey} is not there`)
  if ((await digestOfStream(stream, algorithmOf(digest))) === digest) return true
  await store.remove([storageKey])
  return false
}

/** The tail becomes the last part, the only one that may be shorter; it stays in the state until the blob is committed. */
async function writeLastPart(
  store: BlobStore,
  state: SessionState,
  partsId: string,
  tail: Uint8Array,
) {
  if (tail.length === 0) return []
  return [await store.writePart(state.storageKey, partsId, state.partCount + 1, tail)]
}
