/** Clients of a registry that crashes: some push images until it is gone, some go on with their uploads when it is back. */
import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'vitest'
import { type Bytes, beginUpload, digestOf, newBytes } from './support.ts'

export const REPOSITORY = 'crash/app'
export const PART_BYTES = 5 * 1024 * 1024

/** What was answered 201: the digests of blobs, those of manifests by tag. */
export class Acknowledged {
  readonly blobs = new Set<string>()
  /** The digests of all blobs whose push began. */
  readonly begun = new Set<string>()
  readonly tags = new Map<string, string>()
}

async function send(method: string, url: URL, body?: Bytes | string, type?: string) {
  return fetch(url, {
    method,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : body.bytes }),
    headers: type === undefined ? {} : { 'Content-Type': type },
  })
}

async function pushBlob(url: URL, blob: Bytes, way: 'whole' | 'single' | 'streamed') {
  if (way === 'whole') {
    const path = `/v2/${REPOSITORY}/blobs/uploads/?digest=${blob.digest}`
    return (await send('POST', new URL(path, url), blob)).status
  }
  const target = await beginUpload(url, REPOSITORY)
  if (way === 'single') return (await send('PUT', closingOf(target, blob), blob)).status
  const { headers } = await send('PATCH', target, blob)
  const next = new URL(headers.get('Location') ?? '', url)
  return (await send('PUT', closingOf(next, blob))).status
}

function closingOf(target: URL, { digest }: Bytes): URL {
  const closing = new URL(target)
  closing.searchParams.set('digest', digest)
  return closing
}

/** Pushes images until the registry is gone, and notes what it had acknowledged by then. */
export async function pushUntilGone(url: URL, name: string, to: Acknowledged): Promise<void> {
  const ways = ['whole', 'single', 'streamed'] as const
  for (let image = 0; ; image++) {
    try {
      const config = newBytes(100)
      const layer = newBytes(image % 4 === 3 ? PART_BYTES + 1000 : 20_000)
      for (const blob of [config, layer]) {
        to.begun.add(blob.digest)
        const status = await pushBlob(url, blob, ways[image % ways.length] ?? 'whole')
        if (status === 201) to.blobs.add(blob.digest)
      }
      const manifest = manifestOf(config, layer)
      const tag = `${name}-${image}`
      const path = new URL(`/v2/${REPOSITORY}/manifests/${tag}`, url)
      const { status } = await send('PUT', path, manifest, JSON.parse(manifest).mediaType)
      if (status === 201) to.tags.set(tag, digestOf(Buffer.from(manifest)))
    } catch {
      return
    }
  }
}

function manifestOf(config: Bytes, layer: Bytes): string {
  const descriptor = (mediaType: string, { bytes, digest }: Bytes) => ({
    mediaType,
    digest,
    size: bytes.length,
  })
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: descriptor('application/vnd.oci.image.config.v1+json', config),
    layers: [descriptor('application/vnd.oci.image.layer.v1.tar+gzip', layer)],
  })
}

/** Bytes of a PATCH: no divisor of a part, nor a multiple. */
const CHUNK_BYTES = 3_500_000

interface Unfinished {
  blob: Bytes
  /** Without its origin, which a restart changes. */
  path: string
  /** What the registry said that it has: so much, or more, it must have after any crash. */
  offset: number
  /** Whether the closing request went out. */
  closing: boolean
}

/** Pushes blobs of several parts in chunks, and goes on after a crash where the registry says. */
export class ResumingClient {
  readonly #to: Acknowledged
  #upload: Unfinished | null = null
  #pushes = 0
  /** How often an upload went on after a crash, and how often the registry did not know it any more. */
  resumed = 0
  forgotten = 0

  constructor(to: Acknowledged) {
    this.#to = to
  }

  async pushUntilGone(url: URL): Promise<void> {
    try {
      if (this.#upload !== null) await this.#resume(url, this.#upload)
      for (;;) {
        this.#upload ??= await this.#begin(url)
        await this.#send(url, this.#upload)
        this.#upload = null
      }
    } catch (error) {
      // What fetch throws where the connection breaks; a failed expectation is another error.
      if (!(error instanceof TypeError)) throw error
    }
  }

  async #begin(url: URL): Promise<Unfinished> {
    const blob = newBytes(2 * PART_BYTES + 1_000_000 * (++this.#pushes % 4))
    const { pathname } = await beginUpload(url, REPOSITORY)
    this.#to.begun.add(blob.digest)
    return { blob, path: pathname, offset: 0, closing: false }
  }

  async #resume(url: URL, upload: Unfinished): Promise<void> {
    const status = await fetch(new URL(upload.path, url))
    if (status.status === 204) {
      expect(offsetOf(status)).toBeGreaterThanOrEqual(upload.offset)
      upload.offset = offsetOf(status)
    } else {
      expect(status.status).toBe(404)
      // A closing request that had done its work is answered as before.
      if (upload.closing) {
        const closed = await this.#close(url, upload)
        if (closed.status === 201) this.#to.blobs.add(upload.blob.digest)
        else this.forgotten += 1
      } else {
        this.forgotten += 1
      }
      this.#upload = null
      return
    }
    this.resumed += 1
  }

  /** Sends what the registry does not have yet, and closes the upload; every other time with its last bytes. */
  async #send(url: URL, upload: Unfinished): Promise<void> {
    const { bytes, digest } = upload.blob
    const patched = bytes.length - (this.#pushes % 2) * 1000
    for (;;) {
      upload.closing ||= upload.offset >= patched
      const response = upload.closing
        ? await this.#close(url, upload)
        : await this.#patch(url, upload, patched)
      if (response.status === 201) {
        this.#to.blobs.add(digest)
        return
      }
      expect([202, 416, 503]).toContain(response.status)
      if (response.status === 503) await wait(1000 * Number(response.headers.get('Retry-After')))
      if (response.status !== 503) upload.offset = offsetOf(response)
      if (response.status === 416) upload.closing = false
      if (response.status === 202) {
        upload.path = new URL(response.headers.get('Location') ?? '', url).pathname
      }
    }
  }

  #patch(url: URL, { path, blob: { bytes }, offset }: Unfinished, most: number) {
    const body = bytes.subarray(offset, Math.min(offset + CHUNK_BYTES, most))
    const headers = { 'Content-Range': `${offset}-${offset + body.length - 1}` }
    return fetch(new URL(path, url), { method: 'PATCH', headers, body })
  }

  #close(url: URL, { path, blob, offset }: Unfinished) {
    const rest = blob.bytes.subarray(offset)
    const headers = { 'Content-Range': `${offset}-${blob.bytes.length - 1}` }
    const target = closingOf(new URL(path, url), blob)
    return fetch(target, { method: 'PUT', ...(rest.length === 0 ? {} : { headers, body: rest }) })
  }
}

/** No chunk here is of one byte: 0-0 is nothing. */
function offsetOf(response: Response): number {
  const last = Number(/^0-(\d+)$/.exec(response.headers.get('Range') ?? '')?.[1])
  return last === 0 ? 0 : last + 1
}
