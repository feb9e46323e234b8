/** Sends one stream to two readers in step, where `tee()` would hold in memory all that the slower one has not read yet. */

const READ_BYTES = 256 * 1024

/** A follower that does not take a buffer for so long is left behind, so that it cannot hold up the leader. */
const STALL_MS = 2000

type Writer = WritableStreamDefaultWriter<Uint8Array>

export interface Duplicates {
  /** For whoever the bytes are for. */
  leader: ReadableStream<Uint8Array>
  /** For whoever may have them, too, if it keeps up. */
  follower: ReadableStream<Uint8Array>
  /** Settles when the source is read to its end, or nobody reads any more. */
  done: Promise<void>
}

/**
 * Reads `source`, of exactly `length` bytes, for two readers, one buffer at a time. A reader that leaves does not disturb the
 * other one; a source that fails fails both.
 */
export function duplicate(source: ReadableStream<Uint8Array>, length: number): Duplicates {
  const leader = new FixedLengthStream(length)
  const follower = new FixedLengthStream(length)
  const done = copy(source, leader.writable.getWriter(), follower.writable.getWriter())
  return { leader: leader.readable, follower: follower.readable, done }
}

async function copy(
  source: ReadableStream<Uint8Array>,
  leader: Writer,
  follower: Writer,
): Promise<void> {
  const writers = new Set([leader, follower])
  const each = (step: (writer: Writer) => Promise<void>) =>
    Promise.all(
      [...writers].map(async (writer) => {
        try {
          await (writer === follower ? inTime(step(writer)) : step(writer))
        } catch (error) {
          writers.delete(writer)
          writer.abort(error).catch(() => undefined)
        }
      }),
    )
  const reader = source.getReader({ mode: 'byob' })
  try {
    let view = new Uint8Array(READ_BYTES)
    while (writers.size > 0) {
      const { done, value } = await reader.readAtLeast(READ_BYTES, view)
      if (value !== undefined && value.length > 0) await each((writer) => writer.write(value))
      if (done || value === undefined) {
        await each((writer) => writer.close())
        return
      }
      view = new Uint8Array(value.buffer)
    }
    await reader.cancel()
  } catch (error) {
    await each((writer) => writer.abort(error))
  }
}

function inTime(work: Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the reader does not keep up')), STALL_MS)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
