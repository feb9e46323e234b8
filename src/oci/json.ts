/**
 * Strict JSON for manifests. Two parsers that read the same bytes differently enable attacks: one checks the layers, another runs
 * them. So everything that RFC 8259 leaves open is refused: repeated keys, invalid UTF-8, a byte order mark, lone surrogates. One
 * linear scan finds those and limits the depth. JSON.parse, which is native and exact, then checks the grammar. The scan comes
 * first because JSON.parse takes over a second for 4 MiB of `[`.
 */
import { type Json, RegistryError } from './errors.ts'

/** The maximum nesting of arrays and objects. Real manifests stay under 6. */
export const JSON_DEPTH_LIMIT = 32

/**
 * The maximum number of values. An index of 10,000 entries with platforms and annotations has about 150,000; 4 MiB can hold 1.4
 * million `{}`.
 */
export const JSON_VALUE_LIMIT = 250_000

const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

const ARRAY = 0

/**
 * Parses bytes that hold exactly one JSON value. Keys such as `__proto__` become own properties.
 * @throws {RegistryError} MANIFEST_INVALID; its message says what is wrong and where
 */
export function parseStrictJson(bytes: Uint8Array): Json {
  const text = decodeUtf8(bytes)
  scan(text)
  return parse(text)
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    // ignoreBOM keeps the mark in the text, where JSON.parse refuses it.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw invalid('not UTF-8')
  }
}

function parse(text: string): Json {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : 'syntax error')
  }
}

/**
 * Refuses deep nesting, too many values, repeated keys and lone surrogates. It need not find every syntax error: JSON.parse does.
 */
function scan(text: string): void {
  // Each depth has one map from a key to the last object that had it, so that entering an object allocates nothing.
  const ownerOfKey: Map<string, number>[] = []
  const open: number[] = []
  let objects = 0
  let values = 1
  let keyMayFollow = false

  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = endOfString(text, at)
        const isKey = keyMayFollow
        keyMayFollow = false
        const value = decodeString(text, at, end)
        if (isKey) {
          const depth = open.length
          const owner = open[depth - 1] ?? ARRAY
          const owners = ownerOfKey[depth] ?? new Map<string, number>()
          ownerOfKey[depth] = owners
          if (owners.get(value) === owner) {
            throw invalidAt(text, at, `duplicate key ${JSON.stringify(value.slice(0, 64))}`)
          }
          owners.set(value, owner)
        }
        at = end
        break
      }
      case OPEN_BRACE:
        objects += 1
        enter(objects, at)
        break
      case OPEN_BRACKET:
        enter(ARRAY, at)
        break
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        open.pop()
        break
      case COMMA:
        count(at)
        keyMayFollow = (open[open.length - 1] ?? ARRAY) !== ARRAY
        break
    }
  }

  /** Counts a value for each comma and each opening bracket or brace. An empty list counts as if it had one value. */
  function count(at: number): void {
    values += 1
    if (values > JSON_VALUE_LIMIT) throw invalidAt(text, at, `more than ${JSON_VALUE_LIMIT} values`)
  }

  function enter(owner: number, at: number): void {
    if (open.length === JSON_DEPTH_LIMIT) {
      throw invalidAt(text, at, `nested deeper than ${JSON_DEPTH_LIMIT} levels`)
    }
    count(at)
    open.push(owner)
    keyMayFollow = owner !== ARRAY
  }
}

/** The index of the closing quote of the string that begins with the quote at `start`. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    if (unit === QUOTE) return at
    if (unit === BACKSLASH) at += 1
  }
  throw invalidAt(text, start, 'unterminated string')
}

/**
 * The value of the string between two quotes. Lone surrogates are refused: Go reads each as U+FFFD, so two different keys could
 * become equal. In decoded UTF-8 only an escape can produce them.
 */
function decodeString(text: string, start: number, end: number): string {
  const inner = text.slice(start + 1, end)
  if (!inner.includes('\\')) return inner
  const value = parse(text.slice(start, end + 1))
  if (typeof value === 'string' && value.isWellFormed()) return value
  throw invalidAt(text, start, 'string with a lone surrogate')
}

function invalidAt(text: string, at: number, problem: string): RegistryError {
  const before = text.slice(0, at)
  const line = before.split('\n').length
  const column = at - before.lastIndexOf('\n')
  return invalid(`${problem} at line ${line}, column ${column}`)
}

function invalid(problem: string): RegistryError {
  return new RegistryError('MANIFEST_INVALID', { message: `invalid JSON: ${problem}` })
}
