/** Reads the JSON body of a request to the administration API. */
import type { Context } from 'hono'
import { readBody } from '../../lib/read-body.ts'
import { type Json, RegistryError } from '../../oci/errors.ts'
import { parseStrictJson } from '../../oci/json.ts'
import type { AppEnv } from '../middleware/context.ts'

const LIMIT_BYTES = 64 * 1024

/**
 * The JSON value of the body. The request must declare it as JSON, which a form in a browser cannot do.
 * @throws {RegistryError} REQUEST_INVALID, with status 413 or 415 for these problems
 */
export async function readJson(c: Context<AppEnv>): Promise<Json> {
  if (!/^application\/json *(;|$)/i.test(c.req.header('Content-Type') ?? '')) {
    throw bodyRefusal('the body must be JSON, with Content-Type: application/json', 415)
  }
  const declared = Number(c.req.header('Content-Length') ?? 0)
  const bytes = declared > LIMIT_BYTES ? null : await readBody(c.req.raw.body, LIMIT_BYTES)
  if (bytes === null) throw bodyRefusal(`the body is longer than ${LIMIT_BYTES} bytes`, 413)
  const value = parseBody(bytes)
  // Schemas would accept an array as an object.
  if (Array.isArray(value)) throw bodyRefusal('Invalid input: expected object, received array', 400)
  // Schemas ignore this key. A condition or field that the client believes to have sent would be missing.
  if (hasKey(value, '__proto__')) throw bodyRefusal('__proto__: unknown field', 400)
  return value
}

function parseBody(bytes: Uint8Array<ArrayBuffer>): Json {
  try {
    return parseStrictJson(bytes)
  } catch (error) {
    // The error's code is for manifests.
    if (error instanceof RegistryError) throw bodyRefusal(error.message, 400)
    throw error
  }
}

function hasKey(value: Json, key: string): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (Object.hasOwn(value, key)) return true
  return Object.values(value).some((inner: Json) => hasKey(inner, key))
}

function bodyRefusal(problem: string, status: number): RegistryError {
  return new RegistryError('REQUEST_INVALID', { message: `invalid request: ${problem}`, status })
}
