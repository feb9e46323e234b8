/** Byte ranges: of downloads (`Range`, RFC 9110 section 14) and of upload chunks (`Content-Range` as the OCI spec has it). */

/** A satisfiable range; `end` is the last byte, inclusive. */
export interface Range {
  start: number
  end: number
}

/** More ranges than this are an attack, or a client that is better served with the whole. */
const RANGES_AT_MOST = 100

/**
 * Reads a `Range` header against a representation of `size` bytes.
 * @returns the satisfiable ranges; 'unsatisfiable' where there is none, or one is malformed (416, as the OCI conformance suite
 * and net/http have it); null where the header is to be ignored and the whole is sent: another unit than bytes, too many
 * ranges, or more bytes in all than the whole has
 */
export function parseRange(header: string, size: number): Range[] | 'unsatisfiable' | null {
  const specs = /^bytes=(.+)$/i.exec(header.trim())?.[1]?.split(',')
  if (specs === undefined) return null
  const ranges: Range[] = []
  let total = 0
  for (const spec of specs) {
    const trimmed = spec.trim()
    if (trimmed === '') continue
    const range = parseSpec(trimmed, size)
    if (range === 'malformed') return 'unsatisfiable'
    if (range === 'unsatisfiable') continue
    ranges.push(range)
    total += range.end - range.start + 1
    if (ranges.length > RANGES_AT_MOST) return null
  }
  if (ranges.length === 0) return 'unsatisfiable'
  return ranges.length > 1 && total > size ? null : ranges
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
 * Reads a chunk's `Content-Range`: `<start>-<end>`, inclusive, without a unit (OCI distribution spec, "Pushing a blob in
 * chunks"); `bytes <start>-<end>/<size or *>` of RFC 9110 is taken too.
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
 * An upload's `Range`: what was committed, inclusive. Nothing and one byte are both `0-0`, as in docker/distribution: the
 * spec has no form for nothing, and clients parse two numbers.
 */
export function formatCommitted(offset: number): string {
  return `0-${Math.max(offset - 1, 0)}`
}
