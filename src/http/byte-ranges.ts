/** The body of a download: all of it, one range, or several as multipart/byteranges (RFC 9110 section 14.6). */
import type { Range } from '../lib/range.ts'
import type { EdgeCache } from '../store/edge-cache.ts'

export interface RangedBody {
  body: ReadableStream<Uint8Array>
  headers: Record<string, string>
}

const CONTENT_TYPE = 'application/octet-stream'

/** An object to be sent: where its bytes lie, and how many there are. */
export interface Source {
  cache: EdgeCache
  key: string
  size: number
}

export async function wholeBody({ cache, key, size }: Source): Promise<ReadableStream<Uint8Array>> {
  return present(await cache.read(key, size), key)
}

export async function oneRange(source: Source, range: Range): Promise<RangedBody> {
  return {
    body: await rangeBody(source, range),
    headers: {
      'Content-Type': CONTENT_TYPE,
      'Content-Length': String(lengthOf(range)),
      'Content-Range': contentRange(range, source.size),
    },
  }
}

/**
 * Several ranges, each read when its turn comes, so that memory holds none of them. `keepAlive` keeps the writing going while
 * the response is on its way.
 */
export function manyRanges(
  source: Source,
  ranges: readonly Range[],
  keepAlive: (work: Promise<unknown>) => void,
): RangedBody {
  const boundary = crypto.randomUUID().replaceAll('-', '')
  const encoder = new TextEncoder()
  const heads = ranges.map((range, index) =>
    encoder.encode(
      `${index === 0 ? '' : '\r\n'}--${boundary}\r\nContent-Type: ${CONTENT_TYPE}\r\n` +
        `Content-Range: ${contentRange(range, source.size)}\r\n\r\n`,
    ),
  )
  const closing = encoder.encode(`\r\n--${boundary}--\r\n`)
  const length =
    closing.length +
    heads.reduce((sum, head) => sum + head.length, 0) +
    ranges.reduce((sum, range) => sum + lengthOf(range), 0)

  const { readable, writable } = new FixedLengthStream(length)
  const write = async () => {
    for (const [index, range] of ranges.entries()) {
      await writeBytes(writable, heads[index])
      const part = await rangeBody(source, range)
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

async function rangeBody({ cache, key, size }: Source, range: Range) {
  const part = { offset: range.start, length: lengthOf(range) }
  return present(await cache.read(key, size, part), key)
}

function lengthOf({ start, end }: Range): number {
  return end - start + 1
}

function contentRange({ start, end }: Range, size: number): string {
  return `bytes ${start}-${end}/${size}`
}

function present(body: ReadableStream<Uint8Array> | null, key: string): ReadableStream<Uint8Array> {
  if (body === null) throw new Error(`the object ${key} is missing from the blob store`)
  return body
}
