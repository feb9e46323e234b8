/** Reads the rest of a refused request, so that the client gets to read the 401, which it answers with its password. */
import { DRAIN_AT_MOST_BYTES, drain } from '../../lib/drain.ts'

/**
 * Reads a request's body that no handler has begun to read, unless it is too long or too slow. It also reads bodies of unknown length: Go
 * clients send manifests that way. Never throws.
 */
export async function readUnread(request: Request): Promise<void> {
  const { body, headers } = request
  if (body === null || body.locked || request.bodyUsed) return
  if (Number(headers.get('Content-Length') ?? 0) > DRAIN_AT_MOST_BYTES) return
  await drain(body)
}
