/** The driver of the blob store for R2. Error numbers are those of R2's Workers API ("Error codes"). */
import { algorithmOf, type Digest, hexOf } from '../../oci/digest.ts'
import type {
  BlobBody,
  BlobStore,
  BlobStoreLimits,
  ByteRange,
  ObjectPage,
  Part,
} from './blob-store.ts'

const CHECKSUM_MISMATCH = 10037
const NO_SUCH_UPLOAD = 10024
const NO_SUCH_PART = 10025

/** R2, "Limits": a single write takes 5 GiB, minus a margin that R2 needs. */
export const R2_LIMITS: BlobStoreLimits = {
  wholeBytes: 4.9 * 1024 ** 3,
  partBytes: 5 * 1024 ** 2,
  parts: 10_000,
  removedKeys: 1000,
}

export class R2BlobStore implements BlobStore {
  readonly limits = R2_LIMITS
  readonly #bucket: R2Bucket

  constructor(bucket: R2Bucket) {
    this.#bucket = bucket
  }

  async read(key: string, range?: ByteRange): Promise<ReadableStream<Uint8Array> | null> {
    const object = await this.#bucket.get(key, range === undefined ? {} : { range })
    return object?.body ?? null
  }

  async size(key: string): Promise<number | null> {
    const object = await this.#bucket.head(key)
    return object?.size ?? null
  }

  async write(key: string, body: BlobBody, digest: Digest): Promise<boolean> {
    const checksum =
      algorithmOf(digest) === 'sha512' ? { sha512: hexOf(digest) } : { sha256: hexOf(digest) }
    try {
      await this.#bucket.put(key, body, checksum)
      return true
    } catch (error) {
      if (isR2Error(error, CHECKSUM_MISMATCH)) return false
      throw error
    }
  }

  async list(prefix: string, after: string): Promise<ObjectPage> {
    const { objects, truncated } = await this.#bucket.list({ prefix, startAfter: after })
    const listed = objects.map(({ key, uploaded }) => ({ key, uploaded: uploaded.getTime() }))
    return { objects: listed, more: truncated }
  }

  async remove(keys: readonly string[]): Promise<void> {
    await this.#bucket.delete([...keys])
  }

  async beginParts(key: string): Promise<string> {
    const upload = await this.#bucket.createMultipartUpload(key)
    return upload.uploadId
  }

  async writePart(key: string, uploadId: string, number: number, body: BlobBody): Promise<Part> {
    const upload = this.#bucket.resumeMultipartUpload(key, uploadId)
    const { etag } = await upload.uploadPart(number, body)
    return { number, etag }
  }

  async completeParts(key: string, uploadId: string, parts: readonly Part[]): Promise<boolean> {
    const upload = this.#bucket.resumeMultipartUpload(key, uploadId)
    try {
      await upload.complete(parts.map(({ number, etag }) => ({ partNumber: number, etag })))
      return true
    } catch (error) {
      // The answer of an earlier try may have been lost. Then the object exists and the upload does not.
      if (isR2Error(error, NO_SUCH_UPLOAD)) return (await this.#bucket.head(key)) !== null
      if (isR2Error(error, NO_SUCH_PART)) return false
      throw error
    }
  }

  async abortParts(key: string, uploadId: string): Promise<void> {
    try {
      await this.#bucket.resumeMultipartUpload(key, uploadId).abort()
    } catch (error) {
      if (!isR2Error(error, NO_SUCH_UPLOAD)) throw error
    }
  }
}

/** R2 gives its error number at the end of the message: `put: … (10037)`. */
function isR2Error(error: unknown, code: number): boolean {
  return error instanceof Error && error.message.endsWith(`(${code})`)
}
