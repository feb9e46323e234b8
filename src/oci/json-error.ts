/** Errors of JSON text, with the place of the problem. */
import { RegistryError } from './errors.ts'

export function invalidJson(problem: string): RegistryError {
  return new RegistryError('MANIFEST_INVALID', { message: `invalid JSON: ${problem}` })
}

/** Lines and columns count from 1, columns in UTF-16 code units. */
export function invalidAt(bytes: Uint8Array, at: number, problem: string): RegistryError {
  const lineStart = bytes.subarray(0, at).lastIndexOf(0x0a) + 1
  let line = 1
  for (let from = 0; from < lineStart; from += 1) if (bytes[from] === 0x0a) line += 1
  const column = new TextDecoder().decode(bytes.subarray(lineStart, at)).length + 1
  return invalidJson(`${problem} at line ${line}, column ${column}`)
}
