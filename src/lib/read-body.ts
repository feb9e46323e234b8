/** Reads a request's body: completely, up to a limit; or as a stream that says whether the client broke it off. */

/** The client disconnected, or its body had another length than it said. */
export class BodyCutOff extends Error {
  override readonly name = 'BodyCutOff'
}

/** The time limit for reading a whole body, so that no request waits forever. */
const PATIENCE_MS = 5 * 60_000

/**
 * The body's bytes; null as soon as it is longer than `limit` bytes, whatever its headers say. Never holds more than `limit` bytes.
 * @throws {BodyCutOff}
 */
export async function readBody(
  body: ReadableStream<Uint8Array> | null,
  limit: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const chunks: Uint8Array[] = []
  let length = 0
  let isLate = false
  const reader = body?.getReader()
  const timer = setTimeout(() => {
    isLate = true
    reader?.cancel().catch(() => undefined)
  }, PATIENCE_MS)
  try {
    for (;;) {
      const chunk = await reader?.read()
      if (isLate) throw new Error('the body took too long')
      if (chunk === undefined || chunk.done) break
      length += chunk.value.length
      if (length > limit) {
        await reader?.cancel()
        return null
      }
      chunks.push(chunk.value)
    }
  } catch (error) {
    throw new BodyCutOff('the body broke off', { cause: error })
  } finally {
    clearTimeout(timer)
    reader?.releaseLock()
  }
  const bytes = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}

/** How long it may take until a broken body shows its error. */
const SETTLE_MS = 100

/**
 * Calls `use` with the body, of exactly `length` bytes. The error of a body that breaks off looks like any other to its reader;
 * this turns it into BodyCutOff.
 * @throws {BodyCutOff} where `use` failed because the body broke off
 */
export async function withBody<T>(
  body: ReadableStream<Uint8Array>,
  length: number,
  use: (body: ReadableStream<Uint8Array>) => Promise<T>,
): Promise<T> {
  const { readable, writable } = new FixedLengthStream(length)
  const piped = body.pipeTo(writable, { preventCancel: true }).catch(() => undefined)
  try {
    return await use(readable)
  } catch (error) {
    await Promise.race([piped, scheduler.wait(SETTLE_MS)])
    throw (await isBroken(body)) ? new BodyCutOff('the body broke off', { cause: error }) : error
  }
}

/** Whether the stream itself has failed, and not its reader. Cancels the stream. */
async function isBroken(body: ReadableStream<Uint8Array>): Promise<boolean> {
  if (body.locked) return false
  const reader = body.getReader()
  const closed = reader.closed.then(
    () => false,
    () => true,
  )
  const broken = await Promise.race([closed, scheduler.wait(0).then(() => false)])
  await reader.cancel().catch(() => undefined)
  return broken
}
