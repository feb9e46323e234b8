/** Sends the bytes of an object. */
import { open } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import type { Segment } from './part-files.ts'

/** Bytes that are read at once. A response holds twice as many in memory, so many slow readers get less. */
const BATCH_BYTES = 1024 * 1024
const BATCH_BYTES_OF_MANY = 64 * 1024
const MANY = 32

/** How many responses are being sent. */
let sendings = 0

/**
 * Sends the segments, in order; the next bytes are read while the last are sent. A reader that leaves ends it.
 * @throws if a file cannot be read
 */
export async function sendSegments(
  response: ServerResponse,
  segments: readonly Segment[],
): Promise<void> {
  let sending: Promise<void> = Promise.resolve()
  const most = sendings < MANY ? BATCH_BYTES : BATCH_BYTES_OF_MANY
  sendings++
  try {
    for await (const bytes of batches(segments, most)) {
      await sending
      if (response.destroyed) return
      sending = send(response, bytes)
    }
    await sending
    response.end()
  } finally {
    sendings--
  }
}

/** Two buffers take turns. */
async function* batches(segments: readonly Segment[], most: number): AsyncGenerator<Buffer> {
  const largest = Math.max(0, ...segments.map(({ length }) => length))
  const size = Math.min(most, largest)
  let [next, other] = [Buffer.allocUnsafeSlow(size), Buffer.allocUnsafeSlow(size)]
  for (const { path, offset, length } of segments) {
    const file = await open(path)
    try {
      for (let sent = 0; sent < length; ) {
        const wanted = Math.min(size, length - sent)
        const { bytesRead } = await file.read(next, 0, wanted, offset + sent)
        if (bytesRead === 0) throw new Error(`${path} has fewer bytes than it had`)
        yield next.subarray(0, bytesRead)
        sent += bytesRead
        ;[next, other] = [other, next]
      }
    } finally {
      await file.close()
    }
  }
}

/** Settles when the system has taken the bytes, or the reader has left. */
function send(response: ServerResponse, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('close', done)
      resolve()
    }
    response.once('close', done)
    response.write(bytes, done)
  })
}
