/** The log: one JSON object per line. Workers Logs indexes its fields. */
import type { Json } from '../oci/errors.ts'

type Fields = { message: string } & Record<string, Json | object>

export function logInfo(fields: Fields): void {
  console.log(JSON.stringify(fields))
}

export function logError(fields: Fields, error?: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : error && String(error)
  console.error(JSON.stringify({ ...fields, error: text }))
}
