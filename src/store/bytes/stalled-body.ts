/** Ends a body that stalls. Only the time in which the sender sends nothing counts: a slow reader may take as long as it wants. */

/** JavaScript runs once for this many bytes. */
const STEP_BYTES = 256 * 1024

type Bytes = ReadableStream<Uint8Array>

/** The streams of this file. The runtime cannot pipe them into another FixedLengthStream. */
const guarded = new WeakSet<Bytes>()

/**
 * The body, of exactly `length` bytes, as a stream that fails if no byte comes for `patienceMs` while one is wanted, or if the body
 * has another length.
 */
export function endStalled(body: Bytes, length: number, patienceMs: number): Bytes {
  const { readable, writable } = new FixedLengthStream(length)
  guarded.add(readable)
  // The reader of `readable` gets the error.
  copy(body, writable, patienceMs, {}).catch(() => undefined)
  return readable
}

/** `body.pipeTo`, also for a body of endStalled. */
export function pipeBody(
  body: Bytes,
  writable: WritableStream<Uint8Array>,
  options: { signal?: AbortSignal; preventClose?: boolean } = {},
): Promise<void> {
  if (!guarded.has(body)) return body.pipeTo(writable, options)
  return copy(body, writable, Number.POSITIVE_INFINITY, options)
}

async function copy(
  body: Bytes,
  writable: WritableStream<Uint8Array>,
  patienceMs: number,
  { signal, preventClose = false }: { signal?: AbortSignal; preventClose?: boolean },
): Promise<void> {
  const reader = body.getReader({ mode: 'byob' })
  const writer = writable.getWriter()
  const stop = () => reader.cancel(signal?.reason).catch(() => undefined)
  signal?.addEventListener('abort', stop)
  try {
    let view = new Uint8Array(STEP_BYTES)
    for (;;) {
      const { done, value } = await inTime(reader.readAtLeast(STEP_BYTES, view), patienceMs)
      signal?.throwIfAborted()
      if (value === undefined) break
      if (value.length > 0) await writer.write(value)
      if (done) break
      view = new Uint8Array(value.buffer)
    }
    if (!preventClose) await writer.close()
  } catch (error) {
    // Not waited for: a stream that stalls may not answer this either.
    reader.cancel(error).catch(() => undefined)
    writer.abort(error).catch(() => undefined)
    throw error
  } finally {
    signal?.removeEventListener('abort', stop)
    writer.releaseLock()
  }
}

async function inTime<T>(work: Promise<T>, patienceMs: number): Promise<T> {
  if (patienceMs === Number.POSITIVE_INFINITY) return work
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no byte in ${patienceMs} ms`)), patienceMs)
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
