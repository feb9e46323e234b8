/** What a refused client is still sending: read, so that it reads the 401 that it would answer with its password. */
import { DRAIN_AT_MOST_BYTES, drain } from '../lib/drain.ts'

/**
 * Reads a request's body that nobody has begun to read. One of unknown length stays unread, as one that is too long does: for who
 * was not admitted, nobody waits for its end. Never throws.
 */
export async function readUnread(request: Request): Promise<void> {
  const { body, headers } = request
  if (body === null || body.locked || request.bodyUsed) return
  const length = headers.get('Content-Length')
  if (length === null || Number(length) > DRAIN_AT_MOST_BYTES) return
  await drain(body)
}
