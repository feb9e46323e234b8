/** A client of the Worker under test, and the pushes that tests begin with. */
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import type { Env } from '../../src/http/middleware/context.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import {
  MEDIA_TYPE_OCI_CONFIG,
  MEDIA_TYPE_OCI_LAYER,
  MEDIA_TYPE_OCI_MANIFEST,
} from '../../src/oci/media-types.ts'
import { countBindings } from './counting.ts'
import worker from './worker.ts'

export const ORIGIN = 'http://registry.test'

/** The Worker's bindings, counting. */
export const bindings: Env = countBindings(env)

/** Sends a request to the Worker and waits for everything that it began. `path` may be a Location. */
export async function send(
  method: string,
  path: string,
  init: RequestInit = {},
  environment: Env = bindings,
): Promise<Response> {
  const ctx = createExecutionContext()
  const request = new Request(new URL(path, ORIGIN), { redirect: 'manual', ...init, method })
  const response = await worker.fetch(request, environment, ctx)
  // A body that is still being written belongs to what was begun: take it before waiting.
  const body = response.body === null ? null : await response.arrayBuffer()
  await waitOnExecutionContext(ctx)
  return new Response(body, response)
}

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(new TextEncoder().encode(text))
}

export function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  // getRandomValues fills 64 KiB at once at most.
  for (let at = 0; at < length; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, Math.min(at + 65_536, length)))
  }
  return bytes
}

export interface PushedBlob {
  digest: Digest
  size: number
}

export async function pushBlob(
  repository: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<PushedBlob> {
  const digest = await digestOf(bytes)
  const response = await send('POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, {
    body: bytes,
    headers: { 'Content-Length': String(bytes.length) },
  })
  if (response.status !== 201) throw new Error(`push of a blob: ${await response.text()}`)
  return { digest, size: bytes.length }
}

/** Begins an upload and returns its Location. */
export async function beginUpload(repository: string): Promise<string> {
  const response = await send('POST', `/v2/${repository}/blobs/uploads/`)
  const location = response.headers.get('Location')
  if (location === null) throw new Error(`begin of an upload: ${await response.text()}`)
  return location
}

/** An image manifest of these blobs, as bytes. */
export function imageManifest(config: PushedBlob, layers: PushedBlob[], extra: object = {}) {
  return bytesOf(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE_OCI_MANIFEST,
      config: { mediaType: MEDIA_TYPE_OCI_CONFIG, ...config },
      layers: layers.map((layer) => ({ mediaType: MEDIA_TYPE_OCI_LAYER, ...layer })),
      ...extra,
    }),
  )
}

export async function putManifest(
  repository: string,
  reference: string,
  bytes: Uint8Array<ArrayBuffer>,
  mediaType: string = MEDIA_TYPE_OCI_MANIFEST,
): Promise<Response> {
  return send('PUT', `/v2/${repository}/manifests/${reference}`, {
    body: bytes,
    headers: { 'Content-Type': mediaType },
  })
}

export interface PushedImage {
  digest: Digest
  bytes: Uint8Array<ArrayBuffer>
  config: PushedBlob
  layer: PushedBlob
}

/** Pushes a small image of fresh content under `tag`. */
export async function pushImage(
  repository: string,
  tag: string,
  extra: object = {},
): Promise<PushedImage> {
  const config = await pushBlob(repository, bytesOf(JSON.stringify({ id: crypto.randomUUID() })))
  const layer = await pushBlob(repository, randomBytes(1024))
  const bytes = imageManifest(config, [layer], extra)
  const response = await putManifest(repository, tag, bytes)
  if (response.status !== 201) throw new Error(`push of a manifest: ${await response.text()}`)
  return { digest: await digestOf(bytes), bytes, config, layer }
}

export interface ErrorBody {
  errors: { code: string; message: string; detail?: unknown }[]
}

/** The codes of an error response. */
export async function errorCodes(response: Response): Promise<string[]> {
  const { errors } = await response.json<ErrorBody>()
  return errors.map(({ code }) => code)
}
