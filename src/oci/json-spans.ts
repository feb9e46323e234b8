/** Finds the values in JSON that the scan has accepted, so that only those that are needed are built. */
import type { Json } from './errors.ts'

export const QUOTE = 0x22
export const COMMA = 0x2c
export const COLON = 0x3a
export const BACKSLASH = 0x5c
export const OPEN_BRACKET = 0x5b
export const CLOSE_BRACKET = 0x5d
export const OPEN_BRACE = 0x7b
export const CLOSE_BRACE = 0x7d
export const ZERO = 0x30

/** Bytes to decode at once. Non-Latin text takes several times as many bytes during decoding. */
export const PIECE = 16 * 1024

/** The position of a value: `end` is one past its last byte. */
export interface Span {
  start: number
  end: number
}

/** -1 if the byte is not a hex digit. */
export function hexValue(byte = 0): number {
  if (isDigit(byte)) return byte - ZERO
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1
}

export function isDigit(byte = 0): boolean {
  return byte >= ZERO && byte <= ZERO + 9
}

export function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

/** Created once: creating a decoder takes longer than reading a key. */
const DECODER = new TextDecoder()

export function buildJson(bytes: Uint8Array, { start, end }: Span): Json {
  if (end - start <= PIECE) return JSON.parse(DECODER.decode(bytes.subarray(start, end)))
  const decoder = new TextDecoder()
  let text = ''
  for (let at = start; at < end; at += PIECE) {
    text += decoder.decode(bytes.subarray(at, Math.min(at + PIECE, end)), { stream: true })
  }
  return JSON.parse(text)
}

/** The string whose opening quote is at `start`. There may be 250,000 strings, so ASCII is read without a decoder. */
export function textAt(bytes: Uint8Array, start: number): string {
  const end = endOfString(bytes, start)
  let raw = ''
  let isEscaped = false
  for (let at = start + 1; at < end - 1; at += 1) {
    const byte = bytes[at] ?? 0
    if (byte >= 0x80) return String(buildJson(bytes, { start, end }))
    isEscaped ||= byte === BACKSLASH
    raw += String.fromCharCode(byte)
  }
  return isEscaped ? JSON.parse(`"${raw}"`) : raw
}

/** The single value of the text. */
export function wholeSpan(bytes: Uint8Array): Span {
  const start = skipSpace(bytes, 0)
  return { start, end: endOfValue(bytes, start) }
}

/** The members of an object: the position of the key's opening quote, and the value. */
export function* membersOf(
  bytes: Uint8Array,
  { start }: Span,
): Generator<{ key: number; value: Span }> {
  let at = skipSpace(bytes, start + 1)
  while (bytes[at] !== CLOSE_BRACE) {
    const key = at
    const colon = skipSpace(bytes, endOfString(bytes, key))
    const from = skipSpace(bytes, colon + 1)
    const value = { start: from, end: endOfValue(bytes, from) }
    yield { key, value }
    at = skipComma(bytes, value.end)
  }
}

export function* itemsOf(bytes: Uint8Array, { start }: Span): Generator<Span> {
  let at = skipSpace(bytes, start + 1)
  while (bytes[at] !== CLOSE_BRACKET) {
    const item = { start: at, end: endOfValue(bytes, at) }
    yield item
    at = skipComma(bytes, item.end)
  }
}

/** Whether arrays and objects nest at most `depth` deep, counting the value itself. */
export function isShallow(bytes: Uint8Array, { start, end }: Span, depth: number): boolean {
  let open = 0
  for (let at = start; at < end; ) {
    open += nestingOf(bytes[at])
    if (open > depth) return false
    at = bytes[at] === QUOTE ? endOfString(bytes, at) : at + 1
  }
  return true
}

/** The position after the closing quote of the string that begins at `start`. */
function endOfString(bytes: Uint8Array, start: number): number {
  let at = start + 1
  while (bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1
  return at + 1
}

function endOfValue(bytes: Uint8Array, start: number): number {
  const first = nestingOf(bytes[start])
  if (first === 0 && bytes[start] !== QUOTE) return endOfWord(bytes, start)
  let open = 0
  let at = start
  do {
    open += nestingOf(bytes[at])
    at = bytes[at] === QUOTE ? endOfString(bytes, at) : at + 1
  } while (open > 0)
  return at
}

/** The change in the number of open arrays and objects at this byte, outside of strings. */
function nestingOf(byte: number | undefined): number {
  if (byte === OPEN_BRACE || byte === OPEN_BRACKET) return 1
  return byte === CLOSE_BRACE || byte === CLOSE_BRACKET ? -1 : 0
}

/** The end of a number, `true`, `false` or `null`. */
function endOfWord(bytes: Uint8Array, start: number): number {
  let at = start
  while (at < bytes.length && !isSpace(bytes[at]) && !isDelimiter(bytes[at])) at += 1
  return at
}

function isDelimiter(byte: number | undefined): boolean {
  return byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET
}

function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from
  while (isSpace(bytes[at])) at += 1
  return at
}

function skipComma(bytes: Uint8Array, from: number): number {
  const at = skipSpace(bytes, from)
  return bytes[at] === COMMA ? skipSpace(bytes, at + 1) : at
}
