/** The body of a download: all of it, one range, or several as multipart/byteranges (RFC 9110 section 14.6). */
import type { Range } from '../lib/range.ts'
import type { BlobStore } from '../store/blob-store.ts'

export interface RangedBody {
  body: ReadableStream<Uint8Array>
  headers: Record<string, string>
}

const CONTENT_TYPE = 'application/octet-stream'

export async function wholeBody(
  store: BlobStore,
  key: string,
): Promise<ReadableStream<Uint8Array>> {
  return present(await store.read(key), key)
}

/** One range of an object of `size` bytes. */
export async function oneRange(
  store: BlobStore,
  key: string,
  range: Range,
  size: number,
): Promise<RangedBody> {
  const length = range.end - range.start + 1
  const body = present(await store.read(key, { offset: range.start, length }), key)
  return {
    body,
    headers: {
      'Content-Type': CONTENT_TYPE,
      'Content-Length': String(length),
      'Content-Range': contentRange(range, size),
    },
  }
}

/**
 * Several ranges, each read when its turn comes, so that memory holds none of them. `keepAlive` keeps the writing going while
 * the response is on its way.
 */
export function manyRanges(
  store: BlobStore,
  key: string,
  ranges: readonly Range[],
  size: number,
  keepAlive: (work: Promise<unknown>) => void,
): RangedBody {
  const boundary = crypto.randomUUID().replaceAll('-', '')
  const encoder = new TextEncoder()
  const heads = ranges.map((range, index) =>
    encoder.encode(
      `${index === 0 ? '' : '\r\n'}--${boundary}\r\nContent-Type: ${CONTENT_TYPE}\r\n` +
        `Content-Range: ${contentRange(range, size)}\r\n\r\n`,
    ),
  )
  const closing = encoder.encode(`\r\n--${boundary}--\r\n`)
  const length =
    closing.length +
    heads.reduce((sum, head) => sum + head.length, 0) +
    ranges.reduce((sum, { start, end }) => sum + end - start + 1, 0)

  const { readable, writable } = new FixedLengthStream(length)
  const write = async () => {
    for (const [index, { start, end }] of ranges.entries()) {
      await writeBytes(writable, heads[index])
      const part = present(await store.read(key, { offset: start, length: end - start + 1 }), key)
      await part.pipeTo(writable, { preventClose: true })
    }
    await writeBytes(writable, closing)
    await writable.close()
  }
  // A client that leaves breaks the pipe: there is nobody left to tell.
  keepAlive(write().catch((error) => writable.abort(error).catch(() => undefined)))
  return {
    body: readable,
    headers: {
      'Content-Type': `multipart/byteranges; boundary=${boundary}`,
      'Content-Length': String(length),
    },
  }
}

async function writeBytes(writable: WritableStream<Uint8Array>, bytes: Uint8Array | undefined) {
  const writer = writable.getWriter()
  if (bytes !== undefined) await writer.write(bytes)
  writer.releaseLock()
}

function contentRange({ start, end }: Range, size: number): string {
  return `bytes ${start}-${end}/${size}`
}

function present(body: ReadableStream<Uint8Array> | null, key: string): ReadableStream<Uint8Array> {
  if (body === null) throw new Error(`the object ${key} is missing from the blob store`)
  return body
}
