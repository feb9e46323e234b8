/**
 * The end of an upload: the last part, the digest of all bytes, the finished object. It can be repeated after a failure at any
 * point: R2 refuses a second completion, so a finished object of the right size counts as completed.
 */
import { isPassing } from '../lib/passing-error.ts'
import { withRetries } from '../lib/retry.ts'
import { algorithmOf, type Digest } from '../oci/digest.ts'
import type { BlobStore } from '../store/bytes/blob-store.ts'
import { digestOfStream } from '../store/bytes/part-hash.ts'
import { type PartPipeline, tailSource } from './part-pipeline.ts'
import type { SessionState } from './session-state.ts'

/** `stale`: the store does not have the parts as they were written, so the upload cannot be completed. */
export type Completion = 'complete' | 'digest invalid' | 'stale'

/** Combines all committed bytes into one object and checks its digest. */
export async function completeUpload(
  store: BlobStore,
  state: SessionState,
  pipeline: PartPipeline,
  digest: Digest,
): Promise<Completion> {
  const { storageKey, partsId, partCount, offset: size } = state
  if (partsId === null || partCount === 0) {
    // Less than a part: a single write, which the store verifies itself.
    const write = () => store.write(storageKey, tailSource(state).body(), digest)
    return (await withRetries(write, isPassing)) ? 'complete' : 'digest invalid'
  }
  const hash = pipeline.takeHash()
  const isHashed = hash?.algorithm === algorithmOf(digest)
  if (isHashed && (await hash.finish(state.tail())) !== digest) return 'digest invalid'
  const isCompleted = !isHashed && (await store.size(storageKey)) === size
  if (!isCompleted && !(await completeParts(store, state, partsId))) return 'stale'
  if (isHashed) return 'complete'
  // The hash was lost, or has another algorithm than the digest: the finished object is read once.
  const stream = await store.read(storageKey)
  if (stream === null) throw new Error(`the completed object ${storageKey} is not there`)
  const isRight = (await digestOfStream(stream, algorithmOf(digest))) === digest
  return isRight ? 'complete' : 'digest invalid'
}

/** @returns false if the store does not have the parts as they were written */
async function completeParts(
  store: BlobStore,
  state: SessionState,
  partsId: string,
): Promise<boolean> {
  const { storageKey, tailLength, partCount } = state
  const parts = state.parts()
  if (tailLength > 0) {
    // Only the last part may be shorter. It stays in the state until the blob is committed.
    const write = () =>
      store.writePart(storageKey, partsId, partCount + 1, tailSource(state).body())
    parts.push(await withRetries(write, isPassing))
  }
  return withRetries(() => store.completeParts(storageKey, partsId, parts), isPassing)
}
