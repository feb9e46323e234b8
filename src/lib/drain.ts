/**
 * Reads bodies that no handler reads. A server that closes a connection with unread bytes resets it, and the reset may overtake the
 * answer (RFC 9112 section 9.6): the client then sees a broken pipe instead of the answer.
 */

/** Larger bodies are not worth the wait. This is twice the largest manifest, which clients send before they are authenticated. */
export const DRAIN_AT_MOST_BYTES = 8 * 1024 * 1024

const DRAIN_AT_MOST_MS = 10_000

const BUFFER_BYTES = 256 * 1024

/** Reads a body to its end. Cancels it if it is longer than 8 MiB or takes longer than 10 seconds. Never throws. */
export async function drain(body: ReadableStream<Uint8Array>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  try {
    const reader = body.getReader({ mode: 'byob' })
    timer = setTimeout(() => reader.cancel().catch(() => undefined), DRAIN_AT_MOST_MS)
    let view = new Uint8Array(BUFFER_BYTES)
    let read = 0
    while (read <= DRAIN_AT_MOST_BYTES) {
      const { done, value } = await reader.readAtLeast(BUFFER_BYTES, view)
      if (done || value === undefined) return
      read += value.length
      view = new Uint8Array(value.buffer)
    }
    await reader.cancel()
  } catch {
    // The client disconnected: there is nobody to answer.
  } finally {
    clearTimeout(timer)
  }
}
