/**
 * The driver of the blob store for a folder of this machine. The files are kept by `cli/folder/server.ts`, which is bound as a service: it
 * checks digests, and acknowledges what is on the disk.
 */
import type { Digest } from '../../oci/digest.ts'
import type {
  BlobBody,
  BlobStore,
  BlobStoreLimits,
  ByteRange,
  ObjectPage,
  Part,
} from './blob-store.ts'
import { StorageError } from './storage-error.ts'

const LIMITS: BlobStoreLimits = {
  wholeBytes: Number.MAX_SAFE_INTEGER,
  partBytes: 1,
  parts: 10_000,
  removedKeys: 1000,
}

/** Statuses of the folder's server that are answers and not errors. */
const NO_OBJECT = 404
const OTHER_PARTS = 409
const OTHER_DIGEST = 422
/** The operator must do something: the disk is full, or cannot be written. */
const UNUSABLE = 507

export class FolderBlobStore implements BlobStore {
  readonly limits = LIMITS
  readonly isNear = true
  readonly #folder: Fetcher

  constructor(folder: Fetcher) {
    this.#folder = folder
  }

  async read(key: string, range?: ByteRange): Promise<ReadableStream<Uint8Array> | null> {
    const answer = await this.#call('GET', '/object', { key, ...range }, NO_OBJECT)
    if (answer.ok) return answer.body ?? new Blob([]).stream()
    return null
  }

  async size(key: string): Promise<number | null> {
    const answer = await this.#call('GET', '/size', { key }, NO_OBJECT)
    return answer.ok ? answer.json() : null
  }

  async write(key: string, body: BlobBody, digest: Digest): Promise<boolean> {
    return (await this.#call('PUT', '/object', { key, digest }, OTHER_DIGEST, body)).ok
  }

  async list(prefix: string, after: string): Promise<ObjectPage> {
    return (await this.#call('GET', '/objects', { prefix, after })).json()
  }

  async remove(keys: readonly string[]): Promise<void> {
    await this.#call('POST', '/remove', {}, undefined, JSON.stringify(keys))
  }

  async beginParts(key: string): Promise<string> {
    return (await this.#call('POST', '/parts', { key })).json()
  }

  async writePart(key: string, id: string, number: number, body: BlobBody): Promise<Part> {
    return (await this.#call('PUT', '/parts', { key, id, number }, undefined, body)).json()
  }

  async completeParts(key: string, id: string, parts: readonly Part[]): Promise<boolean> {
    const text = JSON.stringify(parts)
    return (await this.#call('POST', '/complete', { key, id }, OTHER_PARTS, text)).ok
  }

  async abortParts(key: string, id: string): Promise<void> {
    await this.#call('DELETE', '/parts', { key, id })
  }

  /**
   * @param allowed a status that is no error
   * @throws {StorageError} if the operator must do something first
   */
  async #call(
    method: string,
    path: string,
    query: Record<string, string | number>,
    allowed?: number,
    body?: BlobBody | string,
  ): Promise<Response> {
    const url = new URL(path, 'http://folder')
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value))
    const answer = await this.#folder.fetch(url, {
      method,
      ...(body === undefined ? {} : { body: body instanceof Uint8Array ? streamOf(body) : body }),
    })
    if (answer.ok || answer.status === allowed) return answer
    const why = await answer.json<string>()
    if (answer.status === UNUSABLE) throw new StorageError('unusable', why)
    throw new Error(`${method} ${path}: ${answer.status}, ${why}`)
  }
}

/** A request keeps a copy of the bytes that it is given until it is collected as garbage. A stream takes them where they are. */
function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  const { readable, writable } = new FixedLengthStream(bytes.length)
  const writer = writable.getWriter()
  // The reader of the stream has failed by then, and reports the error.
  Promise.all([writer.write(bytes), writer.close()]).catch(() => undefined)
  return readable
}
