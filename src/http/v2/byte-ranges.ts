/** The body of a download of one range, or of several as multipart/byteranges (RFC 9110 section 14.6). */
import type { Range } from '../../lib/range.ts'
import type { PulledBlob } from '../../registry/blobs/pull-blob.ts'
import { pipeBody } from '../../store/bytes/stalled-body.ts'

/** Ranges that fit within this span are read at once: for 1,024 small ranges, separate reads cost more than the bytes between them. */
const READ_TOGETHER_BYTES = 256 * 1024

export interface RangedBody {
  body: ReadableStream<Uint8Array>
  headers: Record<string, string>
}

const CONTENT_TYPE = 'application/octet-stream'

/** The blob to send. */
type Source = Pick<PulledBlob, 'descriptor' | 'open'>

export async function oneRange(source: Source, range: Range): Promise<RangedBody> {
  return {
    body: await rangeBody(source, range),
    headers: {
      'Content-Type': CONTENT_TYPE,
      'Content-Length': String(lengthOf(range)),
      'Content-Range': contentRange(range, source.descriptor.size),
    },
  }
}

/**
 * Sends several ranges as parts. Each is read when its turn comes, so that memory holds little of them. `keepAlive` lets the writing
 * continue while the response is sent.
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
        `Content-Range: ${contentRange(range, source.descriptor.size)}\r\n\r\n`,
    ),
  )
  const closing = encoder.encode(`\r\n--${boundary}--\r\n`)
  const length =
    closing.length +
    heads.reduce((sum, head) => sum + head.length, 0) +
    ranges.reduce((sum, range) => sum + lengthOf(range), 0)

  const { readable, writable } = new FixedLengthStream(length)
  const write = async () => {
    let next = 0
    for (const { span, ranges: together } of groupsOf(ranges)) {
      const body = await rangeBody(source, span)
      if (together.length === 1) {
        await writeBytes(writable, heads[next++])
        await pipeBody(body, writable, { preventClose: true })
        continue
      }
      const bytes = new Uint8Array(await new Response(body).arrayBuffer())
      for (const { start, end } of together) {
        await writeBytes(writable, heads[next++])
        await writeBytes(writable, bytes.subarray(start - span.start, end + 1 - span.start))
      }
    }
    await writeBytes(writable, closing)
    await writable.close()
  }
  // If the client disconnects, the pipe breaks, and there is nobody to report the error to.
  keepAlive(write().catch((error) => writable.abort(error).catch(() => undefined)))
  return {
    body: readable,
    headers: {
      'Content-Type': `multipart/byteranges; boundary=${boundary}`,
      'Content-Length': String(length),
    },
  }
}

/** Ranges that share one read of `span`. */
interface Group {
  span: Range
  ranges: Range[]
}

/** Groups the ranges in their order. */
function groupsOf(ranges: readonly Range[]): Group[] {
  const groups: Group[] = []
  for (const range of ranges) {
    const group = groups.at(-1)
    const span = group === undefined ? range : spanOf(group.span, range)
    if (group !== undefined && lengthOf(span) <= READ_TOGETHER_BYTES) {
      group.span = span
      group.ranges.push(range)
    } else {
      groups.push({ span: range, ranges: [range] })
    }
  }
  return groups
}

function spanOf(a: Range, b: Range): Range {
  return { start: Math.min(a.start, b.start), end: Math.max(a.end, b.end) }
}

async function writeBytes(writable: WritableStream<Uint8Array>, bytes: Uint8Array | undefined) {
  const writer = writable.getWriter()
  if (bytes !== undefined) await writer.write(bytes)
  writer.releaseLock()
}

function rangeBody({ open }: Source, range: Range): Promise<ReadableStream<Uint8Array>> {
  return open({ offset: range.start, length: lengthOf(range) })
}

function lengthOf({ start, end }: Range): number {
  return end - start + 1
}

function contentRange({ start, end }: Range, size: number): string {
  return `bytes ${start}-${end}/${size}`
}
