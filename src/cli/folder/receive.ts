/** Receives the body of a request into a new file. */
import { createHash } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'

/** Bytes that are written at once. A request holds twice as many in memory at most. */
const BATCH_BYTES = 256 * 1024

/** The body ended before its length. */
export class CutOff extends Error {
  override readonly name = 'CutOff'
}

/**
 * Writes the body to a new file, which is on the disk afterwards. Nothing is left of a file that fails.
 * @param algorithm of the hash to compute; null for none
 * @returns the hash in hex, and the number of bytes
 * @throws {CutOff}
 */
export async function receiveFile(
  body: IncomingMessage,
  path: string,
  algorithm: 'sha256' | 'sha512' | null,
): Promise<{ hash: string; size: number }> {
  const length = Number(body.headers['content-length'] ?? 0)
  const hash = algorithm === null ? null : createHash(algorithm)
  const file = await open(path, 'wx', 0o600)
  try {
    let size = 0
    let writing: Promise<unknown> = Promise.resolve()
    let batch: Buffer[] = []
    let batched = 0
    const flush = async () => {
      const full = batch
      batch = []
      batched = 0
      await writing
      writing = writeAll(file, full)
      // It is awaited before the next write.
      writing.catch(() => undefined)
    }
    try {
      for await (const chunk of body.iterator({ destroyOnReturn: false })) {
        hash?.update(chunk)
        batch.push(chunk)
        size += chunk.length
        batched += chunk.length
        if (batched >= BATCH_BYTES) await flush()
      }
    } catch (error) {
      await writing
      throw body.complete ? error : new CutOff('the body broke off', { cause: error })
    }
    await flush()
    await writing
    if (size !== length) throw new CutOff(`the body has ${size} bytes instead of ${length}`)
    await file.datasync()
    await file.close()
    return { hash: hash?.digest('hex') ?? '', size }
  } catch (error) {
    await file.close().catch(() => undefined)
    await unlink(path).catch(() => undefined)
    throw error
  }
}

/** A write may take fewer bytes than it is given. */
async function writeAll(file: FileHandle, buffers: readonly Buffer[]): Promise<void> {
  let rest = buffers.filter(({ length }) => length > 0)
  while (rest.length > 0) {
    let { bytesWritten } = await file.writev(rest)
    rest = rest.flatMap((buffer) => {
      const taken = Math.min(bytesWritten, buffer.length)
      bytesWritten -= taken
      return taken === buffer.length ? [] : [buffer.subarray(taken)]
    })
  }
}
