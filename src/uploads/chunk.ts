/** What requests bring to an upload's session, and what it answers. */
import { DRAIN_AT_MOST_BYTES, drain } from '../lib/drain.ts'

/** What a request says of the bytes that it carries. */
export interface Chunk {
  body: ReadableStream<Uint8Array> | null
  /** The offset of its first byte, where the client names it (Content-Range). */
  start: number | null
  /** How many bytes it has, where the client says so (Content-Length or Content-Range). */
  length: number | null
}

/** `offset` is always the count of committed bytes, where the client goes on. */
export type SessionAnswer =
  | { kind: 'open'; offset: number }
  /** The blob is committed; `size` in bytes is null where an earlier request had done it. */
  | { kind: 'created'; size: number | null }
  /** Out of order, or another request is at work on the upload. */
  | { kind: 'range invalid'; offset: number }
  /** The body did not have the length that was said of it, or goes past what a blob may have. */
  | { kind: 'size invalid'; offset: number }
  | { kind: 'digest invalid' }
  /** Cancelled, abandoned, failed, or finished under another digest. */
  | { kind: 'unknown' }

/** Whether an upload is one blob's that comes in one PUT: since this request, since one before, or not at all. */
export type Claim = 'first' | 'again' | 'refused'

/**
 * Takes a body that nobody read out of the way, so that its client reads the answer: left alone it would hold the client, and this
 * object in memory.
 */
export async function decline({ body, length }: Chunk): Promise<void> {
  if (body === null || body.locked) return
  if ((length ?? 0) <= DRAIN_AT_MOST_BYTES) return drain(body)
  await body.cancel().catch(() => undefined)
}
