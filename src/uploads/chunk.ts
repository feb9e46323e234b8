/** The requests to an upload's session, and its answers. */
import { DRAIN_AT_MOST_BYTES, drain } from '../lib/drain.ts'
import type { Digest } from '../oci/digest.ts'
import type { By } from '../registry/context.ts'
import type { Upload } from './upload-id.ts'

/** The bytes of a request, and what its headers say about them. */
export interface Chunk {
  body: ReadableStream<Uint8Array> | null
  /** The offset of its first byte; null if the client does not send it (Content-Range). */
  start: number | null
  /** Its length in bytes; null if the client does not send it (Content-Length or Content-Range). */
  length: number | null
}

/** The upload that the request's id names, and the storage key for its bytes if these are the first. */
export interface SessionRequest extends Pick<Upload, 'kind' | 'algorithm'> {
  storageKey: string
}

/** The request of a closing PUT. */
export interface Closing {
  repository: string
  digest: Digest
  by: By
  /** As in commitBlob: equal for the same upload and digest. */
  operation: string
}

/** `offset` is always the number of committed bytes, where the client continues. */
export type SessionAnswer =
  | { kind: 'open'; offset: number }
  /** The blob is committed. `size` in bytes; null if an earlier request had committed it. */
  | { kind: 'created'; size: number | null }
  /** The chunk does not begin at the upload's offset, or another request took over while it was received. */
  | { kind: 'range invalid'; offset: number }
  /** The body does not have the length that its headers say, or exceeds the largest blob. */
  | { kind: 'size invalid'; offset: number }
  | { kind: 'digest invalid' }
  /** Another request is using the upload. */
  | { kind: 'busy' }
  /** There are no buffers left for another chunk. */
  | { kind: 'crowded' }
  /** Cancelled, abandoned, failed, or finished with another digest. */
  | { kind: 'unknown' }

/**
 * Reads a body that no other code reads, so that its client receives the answer. An unread body would block the client, and keep
 * this object in memory.
 */
export async function decline({ body, length }: Chunk): Promise<void> {
  if (body === null || body.locked) return
  if ((length ?? 0) <= DRAIN_AT_MOST_BYTES) return drain(body)
  await body.cancel().catch(() => undefined)
}
