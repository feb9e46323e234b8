/** Sends one stream to two readers in step, where `tee()` would hold in memory all that the slower one has not read yet. */

const READ_BYTES = 256 * 1024

export interface Duplicates {
  first: ReadableStream<Uint8Array>
  second: ReadableStream<Uint8Array>
  /** Settles when the source is read to its end, or nobody reads any more. */
  done: Promise<void>
}

/**
 * Reads `source`, of exactly `length` bytes, for two readers, one buffer at a time. A reader that leaves does not disturb the
 * other one; a source that fails fails both.
 */
export function duplicate(source: ReadableStream<Uint8Array>, length: number): Duplicates {
  const first = new FixedLengthStream(length)
  const second = new FixedLengthStream(length)
  const done = copy(source, [first.writable.getWriter(), second.writable.getWriter()])
  return { first: first.readable, second: second.readable, done }
}

async function copy(
  source: ReadableStream<Uint8Array>,
  targets: readonly WritableStreamDefaultWriter<Uint8Array>[],
): Promise<void> {
  const writers = new Set(targets)
  const each = (step: (writer: WritableStreamDefaultWriter<Uint8Array>) => Promise<void>) =>
    Promise.all([...writers].map((writer) => step(writer).catch(() => writers.delete(writer))))
  const reader = source.getReader({ mode: 'byob' })
  try {
    let view = new Uint8Array(READ_BYTES)
    while (writers.size > 0) {
      const { done, value } = await reader.read(view)
      if (done) {
        await each((writer) => writer.close())
        return
      }
      await each((writer) => writer.write(value))
      view = new Uint8Array(value.buffer)
    }
    await reader.cancel()
  } catch (error) {
    await each((writer) => writer.abort(error))
  }
}
