/**
 * What a refused client is still sending. A server that closes a connection with bytes unread resets it, and the reset may
 * overtake the answer (RFC 9112 section 9.6): the client then sees a broken pipe instead of the 401 that it would have
 * answered with its password.
 */

/** Twice the largest manifest: that is what clients send without having been admitted first. */
const READ_AT_MOST_BYTES = 8 * 1024 * 1024

const READ_AT_MOST_MS = 10_000

const BUFFER_BYTES = 256 * 1024

/** Reads the rest of a request's body that nobody has begun to read, unless it is too long or comes too slowly. Never throws. */
export async function readUnread(request: Request): Promise<void> {
  const { body } = request
  if (body === null || body.locked || request.bodyUsed) return
  if (Number(request.headers.get('Content-Length') ?? 0) > READ_AT_MOST_BYTES) return
  const reader = body.getReader({ mode: 'byob' })
  const timer = setTimeout(() => reader.cancel().catch(() => undefined), READ_AT_MOST_MS)
  try {
    let view = new Uint8Array(BUFFER_BYTES)
    let length = 0
    while (length <= READ_AT_MOST_BYTES) {
      const { done, value } = await reader.readAtLeast(BUFFER_BYTES, view)
      if (done || value === undefined) return
      length += value.length
      view = new Uint8Array(value.buffer)
    }
    await reader.cancel()
  } catch {
    // The client left: nobody is there to be answered.
  } finally {
    clearTimeout(timer)
  }
}
