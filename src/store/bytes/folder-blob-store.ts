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
import { FolderClient } from './folder-client.ts'

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

export class FolderBlobStore implements BlobStore {
  readonly limits = LIMITS
  readonly isNear = true
  readonly #client: FolderClient

  constructor(folder: Fetcher) {
    this.#client = new FolderClient(folder)
  }

  async read(key: string, range?: ByteRange): Promise<ReadableStream<Uint8Array> | null> {
    const answer = await this.#client.send('GET', '/object', { key, ...range }, NO_OBJECT)
    if (answer.ok) return answer.body ?? new Blob([]).stream()
    return null
  }

  async size(key: string): Promise<number | null> {
    const answer = await this.#client.send('GET', '/size', { key }, NO_OBJECT)
    return answer.ok ? answer.json() : null
  }

  async write(key: string, body: BlobBody, digest: Digest): Promise<boolean> {
    return (await this.#client.send('PUT', '/object', { key, digest }, OTHER_DIGEST, body)).ok
  }

  async list(prefix: string, after: string): Promise<ObjectPage> {
    return (await this.#client.send('GET', '/objects', { prefix, after })).json()
  }

  async remove(keys: readonly string[]): Promise<void> {
    await this.#client.send('POST', '/remove', {}, undefined, JSON.stringify(keys))
  }

  async beginParts(key: string): Promise<string> {
    return (await this.#client.send('POST', '/parts', { key })).json()
  }

  async writePart(key: string, id: string, number: number, body: BlobBody): Promise<Part> {
    return (await this.#client.send('PUT', '/parts', { key, id, number }, undefined, body)).json()
  }

  async completeParts(key: string, id: string, parts: readonly Part[]): Promise<boolean> {
    const text = JSON.stringify(parts)
    return (await this.#client.send('POST', '/complete', { key, id }, OTHER_PARTS, text)).ok
  }

  async abortParts(key: string, id: string): Promise<void> {
    await this.#client.send('DELETE', '/parts', { key, id })
  }
}
