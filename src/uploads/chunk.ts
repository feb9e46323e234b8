/** What requests bring to an upload's session, and what it answers. */
import { DRAIN_AT_MOST_BYTES, drain } from '../lib/drain.ts'
import type { Digest } from '../oci/digest.ts'
import type { By } from '../registry/context.ts'
import type { Upload } from './upload-id.ts'

/** What a request says of the bytes that it carries. */
export interface Chunk {
  body: ReadableStream<Uint8Array> | null
  /** The offset of its first byte, where the client names it (Content-Range). */
  start: number | null
  /** How many bytes it has, where the client says so (Content-Length or Content-Range). */
  length: number | null
}

/** The upload, as the request's id names it, and where its bytes would be stored if these are the first. */
export interface SessionRequest extends Pick<Upload, 'kind' | 'algorithm'> {
  storageKey: string
}

/** What a closing PUT asks for. */
export interface Closing {
  repository: string
  digest: Digest
  by: By
  /** As in commitBlob: the same for the same upload and digest. */
  operation: string
}

/** `offset` is always the count of committed bytes, where the client goes on. */
export type SessionAnswer =
  | { kind: 'open'; offset: number }
  /** The blob is committed; `size` in bytes is null where an earlier request had done it. */
  | { kind: 'created'; size: number | null }
  /** The chunk does not begin where the upload is, or another one took over while it came. */
  | { kind: 'range invalid'; offset: number }
  /** The body did not have the length that was said of it, or goes past what a blob may have. */
  | { kind: 'size invalid'; offset: number }
  | { kind: 'digest invalid' }
  /** Another request is at work on the upload. */
  | { kind: 'busy' }
  /** More chunks are being received than there are buffers for. */
  | { kind: 'crowded' }
  /** Cancelled, abandoned, failed, or finished under another digest. */
  | { kind: 'unknown' }

/**
 * Reads a body that nobody else reads, so that its client reads the answer: left alone it would hold the client, and this object
 * in memory.
 */
export async function decline({ body, length }: Chunk): Promise<void> {
  if (body === null || body.locked) return
  if ((length ?? 0) <= DRAIN_AT_MOST_BYTES) return drain(body)
  await body.cancel().catch(() => undefined)
}
