/** What a refused client is still sending: read, so that it reads the 401 that it would answer with its password. */
import { DRAIN_AT_MOST_BYTES, drain } from '../../lib/drain.ts'

/**
 * Reads a request's body that nobody has begun to read, unless it is too long or comes too slowly; also one of unknown length, as Go
 * clients send manifests. Never throws.
 */
export async function readUnread(request: Request): Promise<void> {
  const { body, headers } = request
  if (body === null || body.locked || request.bodyUsed) return
  if (Number(headers.get('Content-Length') ?? 0) > DRAIN_AT_MOST_BYTES) return
  await drain(body)
}
