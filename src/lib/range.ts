/** Byte ranges of downloads (`Range`, RFC 9110 section 14) and of upload chunks (`Content-Range`, as in the OCI spec). */

/** A satisfiable range; `end` is the last byte, inclusive. */
export interface Range {
  start: number
  end: number
}

/** The most ranges in one request: podman requests this many of a layer at once. */
export const RANGES_AT_MOST = 1024

/**
 * Reads a `Range` header against a representation of `size` bytes.
 * @returns the satisfiable ranges, without overlaps; 'unsatisfiable' where there is none, or one is malformed (416, as in the OCI
 * conformance suite and net/http); 'too many' for more than 1,024 (416: the whole content would be the most expensive answer); null
 * where the unit is not bytes, so that the header is ignored
 */
export function parseRange(
  header: string,
  size: number,
): Range[] | 'unsatisfiable' | 'too many' | null {
  const given = /^bytes=(.+)$/i.exec(header.trim())?.[1]?.split(',')
  if (given === undefined) return null
  const specs = given.map((spec) => spec.trim()).filter((spec) => spec !== '')
  if (specs.length > RANGES_AT_MOST) return 'too many'
  const ranges: Range[] = []
  for (const spec of specs) {
    const range = parseSpec(spec, size)
    if (range === 'malformed') return 'unsatisfiable'
    if (range !== 'unsatisfiable') ranges.push(range)
  }
  return ranges.length === 0 ? 'unsatisfiable' : joinOverlapping(ranges)
}

/**
 * RFC 9110, 15.3.7.2, allows joining. The result keeps the order of the request. Ranges that only touch are not joined: podman
 * counts the parts of the answer.
 */
function joinOverlapping(ranges: readonly Range[]): Range[] {
  const joined: (Range & { position: number })[] = []
  const placed = ranges.map((range, position) => ({ ...range, position }))
  for (const range of placed.sort((a, b) => a.start - b.start)) {
    const last = joined.at(-1)
    if (last === undefined || range.start > last.end) {
      joined.push(range)
    } else {
      last.end = Math.max(last.end, range.end)
      last.position = Math.min(last.position, range.position)
    }
  }
  return joined.sort((a, b) => a.position - b.position).map(({ start, end }) => ({ start, end }))
}

function parseSpec(spec: string, size: number): Range | 'unsatisfiable' | 'malformed' {
  const match = /^([0-9]{0,15})-([0-9]{0,15})$/.exec(spec)
  if (match === null) return 'malformed'
  const [, first = '', last = ''] = match
  if (first === '') {
    if (last === '') return 'malformed'
    const length = Number(last)
    if (length === 0 || size === 0) return 'unsatisfiable'
    return { start: Math.max(size - length, 0), end: size - 1 }
  }
  const start = Number(first)
  if (last !== '' && Number(last) < start) return 'malformed'
  if (start >= size) return 'unsatisfiable'
  return { start, end: last === '' ? size - 1 : Math.min(Number(last), size - 1) }
}

/**
 * Parses a chunk's `Content-Range`: `<start>-<end>`, inclusive, without a unit (OCI distribution spec, "Pushing a blob in chunks").
 * `bytes <start>-<end>/<size or *>` of RFC 9110 is accepted too.
 * @returns null where it is neither
 */
export function parseContentRange(header: string): Range | null {
  const match = /^(?:bytes[ =])?([0-9]{1,15})-([0-9]{1,15})(?:\/(?:[0-9]{1,15}|\*))?$/.exec(
    header.trim(),
  )
  if (match === null) return null
  const start = Number(match[1])
  const end = Number(match[2])
  return start <= end ? { start, end } : null
}

/**
 * An upload's `Range`: the committed bytes, inclusive. Zero bytes and one byte are both `0-0`, as in docker/distribution: the spec
 * has no form for zero bytes, and clients parse two numbers.
 */
export function formatCommitted(offset: number): string {
  return `0-${Math.max(offset - 1, 0)}`
}
