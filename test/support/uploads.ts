/** What the tests of uploads share: bodies of each kind, and what is expected of an upload at every moment. */
import { env } from 'cloudflare:workers'
import { expect } from 'vitest'
import type { Digest } from '../../src/oci/digest.ts'
import { sessionNameOf } from '../../src/uploads/upload-id.ts'
import type { UploadSession } from '../../src/uploads/upload-session.ts'
import { errorCodes, send } from './registry.ts'

export const REPOSITORY = 'uploads/app'
export const UPLOADS = `/v2/${REPOSITORY}/blobs/uploads/`
export const UNKNOWN: Digest = `sha256:${'0'.repeat(64)}`
export const ID = /^[A-Za-z0-9_-]{48}$/
export const PART = 5 * 1024 * 1024

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
    expect(response.headers.get('Location')).toBe(location)
    expect(response.headers.get('Docker-Upload-UUID')).toBe(location.slice(-48))
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

export async function storedObjects(): Promise<number> {
  return (await env.BUCKET.list()).objects.length
}

/** The object of the upload that a Location names. */
export function sessionOf(location: string): DurableObjectStub<UploadSession> {
  const id = location.slice(location.lastIndexOf('/') + 1)
  return env.UPLOADS.getByName(sessionNameOf(id))
}
