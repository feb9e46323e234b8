/** A blob store that counts the calls of a request. */
import type { Usage } from '../../lib/usage.ts'
import type { Digest } from '../../oci/digest.ts'
import type {
  BlobBody,
  BlobStore,
  BlobStoreLimits,
  ByteRange,
  ObjectPage,
  Part,
} from './blob-store.ts'

export class CountedBlobStore implements BlobStore {
  readonly limits: BlobStoreLimits
  readonly isNear: boolean
  readonly #store: BlobStore
  readonly #usage: Usage

  constructor(store: BlobStore, usage: Usage) {
    this.limits = store.limits
    this.isNear = store.isNear ?? false
    this.#store = store
    this.#usage = usage
  }

  read(key: string, range?: ByteRange): Promise<ReadableStream<Uint8Array> | null> {
    return this.#usage.call('r2Reads', () => this.#store.read(key, range))
  }

  size(key: string): Promise<number | null> {
    return this.#usage.call('r2Reads', () => this.#store.size(key))
  }

  write(key: string, body: BlobBody, digest: Digest): Promise<boolean> {
    return this.#usage.call('r2Writes', () => this.#store.write(key, body, digest))
  }

  list(prefix: string, after: string): Promise<ObjectPage> {
    return this.#usage.call('r2Reads', () => this.#store.list(prefix, after))
  }

  remove(keys: readonly string[]): Promise<void> {
    return this.#usage.call('r2Deletes', () => this.#store.remove(keys))
  }

  beginParts(key: string): Promise<string> {
    return this.#usage.call('r2Writes', () => this.#store.beginParts(key))
  }

  writePart(key: string, uploadId: string, number: number, body: BlobBody): Promise<Part> {
    return this.#usage.call('r2Writes', () => this.#store.writePart(key, uploadId, number, body))
  }

  completeParts(key: string, uploadId: string, parts: readonly Part[]): Promise<boolean> {
    return this.#usage.call('r2Writes', () => this.#store.completeParts(key, uploadId, parts))
  }

  abortParts(key: string, uploadId: string): Promise<void> {
    return this.#usage.call('r2Deletes', () => this.#store.abortParts(key, uploadId))
  }
}
