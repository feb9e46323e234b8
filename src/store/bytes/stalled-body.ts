/** Ends a body that stalls. Only the time in which the sender sends nothing counts: a slow reader may take as long as it wants. */

/** JavaScript runs once for this many bytes: 64 KiB took four times as many steps. */
const STEP_BYTES = 256 * 1024

/**
 * The body, of exactly `length` bytes, as a stream that fails if no byte comes for `patienceMs` while one is wanted, or if the body
 * has another length.
 */
export function endStalled(
  body: ReadableStream<Uint8Array>,
  length: number,
  patienceMs: number,
): ReadableStream<Uint8Array> {
  const { readable, writable } = new FixedLengthStream(length)
  // The reader of `readable` gets the error.
  pump(body, writable, patienceMs).catch(() => undefined)
  return readable
}

async function pump(
  body: ReadableStream<Uint8Array>,
  writable: WritableStream<Uint8Array>,
  patienceMs: number,
): Promise<void> {
  const reader = body.getReader({ mode: 'byob' })
  const writer = writable.getWriter()
  try {
    let view = new Uint8Array(STEP_BYTES)
    for (;;) {
      const { done, value } = await inTime(reader.readAtLeast(STEP_BYTES, view), patienceMs)
      if (value !== undefined && value.length > 0) {
        await writer.write(value)
        view = new Uint8Array(value.buffer)
      }
      if (done || value === undefined) break
    }
    await writer.close()
  } catch (error) {
    await Promise.allSettled([reader.cancel(error), writer.abort(error)])
  }
}

async function inTime<T>(work: Promise<T>, patienceMs: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no byte in ${patienceMs} ms`)), patienceMs)
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
