/**
 * Strict JSON for manifests. If two parsers read the same bytes differently, one may check other layers than the other runs. So everything
 * that RFC 8259 leaves open is refused: repeated keys, invalid UTF-8, a byte order mark, lone surrogates. One linear scan of the bytes
 * finds these, and checks grammar, depth and the number of values. JSON.parse, which is native and exact, then builds the values that are
 * needed. The scan comes first because JSON.parse takes over a second for 4 MiB of `[`.
 */
import type { Json } from './errors.ts'
import { invalidJson } from './json-error.ts'
import { scanJson } from './json-scan.ts'
import { buildJson, PIECE } from './json-spans.ts'

export { JSON_DEPTH_LIMIT, JSON_VALUE_LIMIT } from './json-scan.ts'

/**
 * Parses bytes that hold exactly one JSON value. Keys such as `__proto__` become own properties.
 * @throws {RegistryError} MANIFEST_INVALID; its message says what is wrong and where
 */
export function parseStrictJson(bytes: Uint8Array): Json {
  checkStrictJson(bytes)
  return buildJson(bytes, { start: 0, end: bytes.length })
}

/**
 * Checks the bytes like parseStrictJson, without building the value.
 * @throws {RegistryError} MANIFEST_INVALID; its message says what is wrong and where
 */
export function checkStrictJson(bytes: Uint8Array): void {
  checkUtf8(bytes)
  scanJson(bytes)
}

/** The text is decoded in pieces, and not kept. */
function checkUtf8(bytes: Uint8Array): void {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  try {
    for (let at = 0; at < bytes.length; at += PIECE) {
      decoder.decode(bytes.subarray(at, at + PIECE), { stream: true })
    }
    decoder.decode()
  } catch {
    throw invalidJson('not UTF-8')
  }
}
