/** How the requests of the uploads' model go out, and what is read from their answers. */
import { expect } from 'vitest'
import { errorCodes, randomBytes, send } from './registry.ts'
import type { Answer, UploadRequest } from './upload-model.ts'
import { type Bytes, PART, streamed } from './uploads.ts'

/** Bytes that bodies begin in somewhere. */
const SOURCE = randomBytes(PART + 120_000)
let bodies = 0

/** A body that no other one is like, unless it is very short. */
export function newBody(length: number): Bytes {
  const start = (++bodies * 31) % 60_000
  const body = SOURCE.slice(start, start + length)
  if (length >= 8) new DataView(body.buffer).setUint32(0, bodies)
  return body
}

export function bodyInit(
  body: Bytes,
  chunked: boolean,
): { body?: BodyInit; headers: Record<string, string> } {
  if (chunked) return { body: streamed(body), headers: {} }
  const headers = { 'Content-Length': String(body.length) }
  return body.length === 0 ? { headers } : { body, headers }
}

export interface Exchanged {
  answer: Answer
  location: string | null
  /** The upload's name. */
  name: string | null
}

export async function exchange(request: UploadRequest): Promise<Exchanged> {
  const { method, body, chunked, start, digest } = request
  const carries = method === 'PATCH' || method === 'PUT'
  const { headers, ...init } = carries ? bodyInit(body, chunked) : { headers: {} }
  const range = start === null ? {} : { 'Content-Range': `${start}-${start + body.length - 1}` }
  const location = digest === null ? request.location : `${request.location}?digest=${digest}`
  const response = await send(method, location, { ...init, headers: { ...headers, ...range } })
  const { status } = response
  if (status === 503) expect(response.headers.get('Retry-After')).toMatch(/^[1-9]/)
  const [code = null] = status < 400 ? [] : await errorCodes(response)
  return {
    answer: { status, code, range: response.headers.get('Range') },
    location: response.headers.get('Location'),
    name: response.headers.get('Docker-Upload-UUID'),
  }
}
