/** What the tests of uploads share: bodies of each kind, and what is expected of an upload at every moment. */
import { env } from 'cloudflare:workers'
import { expect } from 'vitest'
import type { Digest } from '../../src/oci/digest.ts'
import type { UploadSession } from '../../src/uploads/upload-session.ts'
import { beginUpload, errorCodes, send } from './registry.ts'

export const REPOSITORY = 'uploads/app'
export const UPLOADS = `/v2/${REPOSITORY}/blobs/uploads/`
export const UNKNOWN: Digest = `sha256:${'0'.repeat(64)}`
export const ID = /^[A-Za-z0-9_-]{52}$/
export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
export const PART = 5 * 1024 * 1024

/** The id at the end of an upload's Location. */
export function idOf(location: string): string {
  return location.slice(location.lastIndexOf('/') + 1)
}

/** The upload's name, which stands in its id. */
export function nameOf(location: string): string {
  const bytes = Uint8Array.fromBase64(idOf(location), { alphabet: 'base64url' })
  return bytes
    .slice(7, 23)
    .toHex()
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** The Durable Object that an upload's bytes go through. */
export function sessionOf(location: string): DurableObjectStub<UploadSession> {
  return env.UPLOADS.getByName(nameOf(location))
}

export type Bytes = Uint8Array<ArrayBuffer>

/** A body of unknown length: sent with chunked encoding. */
export function streamed(...chunks: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    type: 'bytes',
    start(controller) {
      for (const chunk of chunks) if (chunk.length > 0) controller.enqueue(chunk.slice())
      controller.close()
    },
  })
}

export function ofLength(bytes: Bytes): RequestInit {
  return { body: bytes, headers: { 'Content-Length': String(bytes.length) } }
}

export function ranged(bytes: Bytes, contentRange: string): RequestInit {
  const length = { 'Content-Length': String(bytes.length) }
  return { body: bytes, headers: { ...length, 'Content-Range': contentRange } }
}

export function put(location: string, digest: string, init: RequestInit = {}): Promise<Response> {
  return send('PUT', `${location}?digest=${digest}`, init)
}

export async function expectBlob(digest: Digest, bytes: Bytes): Promise<void> {
  const response = await send('GET', `/v2/${REPOSITORY}/blobs/${digest}`)
  expect(response.status).toBe(200)
  expect(Buffer.compare(Buffer.from(await response.arrayBuffer()), bytes)).toBe(0)
}

export async function expectOffset(location: string, range: string): Promise<void> {
  for (const method of ['GET', 'HEAD']) {
    const response = await send(method, location)
    expect(response.status).toBe(204)
    expect(response.headers.get('Range')).toBe(range)
    expect(nameOf(response.headers.get('Location') ?? '')).toBe(nameOf(location))
    expect(response.headers.get('Docker-Upload-UUID')).toBe(nameOf(location))
  }
}

export async function expectEnded(location: string, digest: Digest): Promise<void> {
  for (const [method, url] of [
    ['GET', location],
    ['HEAD', location],
    ['PATCH', location],
    ['PUT', `${location}?digest=${digest}`],
    ['DELETE', location],
  ] as const) {
    const response = await send(method, url)
    expect(response.status).toBe(404)
    if (method !== 'HEAD') expect(await errorCodes(response)).toEqual(['BLOB_UPLOAD_UNKNOWN'])
  }
}

/** Begins an upload, sends `bytes` in one chunk, and returns where it goes on. */
export async function beginWith(bytes: Bytes): Promise<string> {
  const location = await beginUpload(REPOSITORY)
  const response = await send('PATCH', location, ofLength(bytes))
  return response.headers.get('Location') ?? ''
}

/** How many objects the bucket has, but for those that are buried. */
export async function storedObjects(): Promise<number> {
  const { objects } = await env.BUCKET.list()
  const { results } = await env.DB.prepare('SELECT storage_key FROM tombstones').all()
  const buried = new Set(results.map((row) => row.storage_key))
  return objects.filter(({ key }) => !buried.has(key)).length
}
