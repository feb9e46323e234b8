/** A strict reader of multipart/byteranges (RFC 9110 section 14.6, RFC 2046 section 5.1). */

export interface Part {
  contentType: string
  contentRange: string
  bytes: Uint8Array
}

/** The parts of a response; it throws for a body that is not exactly one multipart message. */
export async function readByteranges(response: Response): Promise<Part[]> {
  const boundary = /^multipart\/byteranges; boundary=([0-9A-Za-z]{1,70})$/.exec(
    response.headers.get('Content-Type') ?? '',
  )?.[1]
  if (boundary === undefined) throw new Error('the response is no multipart/byteranges')
  const body = Buffer.from(await response.arrayBuffer())
  if (response.headers.get('Content-Length') !== String(body.length)) {
    throw new Error('the Content-Length is not that of the body')
  }

  const parts: Part[] = []
  const opening = Buffer.from(`--${boundary}\r\n`)
  const between = Buffer.from(`\r\n--${boundary}\r\n`)
  const closing = Buffer.from(`\r\n--${boundary}--\r\n`)
  let at = expectAt(body, 0, opening)
  for (;;) {
    const endOfHead = body.indexOf('\r\n\r\n', at)
    const head = /^Content-Type: (.+)\r\nContent-Range: (bytes (\d+)-(\d+)\/\d+)$/.exec(
      body.subarray(at, endOfHead).toString(),
    )
    if (head === null) throw new Error(`no head of a part at byte ${at}`)
    const [, contentType = '', contentRange = '', start, end] = head
    const from = endOfHead + 4
    const to = from + Number(end) - Number(start) + 1
    parts.push({ contentType, contentRange, bytes: Uint8Array.from(body.subarray(from, to)) })
    if (body.subarray(to, to + closing.length).equals(closing)) {
      if (to + closing.length !== body.length) throw new Error('bytes behind the last boundary')
      return parts
    }
    at = expectAt(body, to, between)
  }
}

function expectAt(body: Buffer, at: number, expected: Buffer): number {
  if (!body.subarray(at, at + expected.length).equals(expected)) {
    throw new Error(`expected a boundary at byte ${at}`)
  }
  return at + expected.length
}
