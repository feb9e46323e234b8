/** The driver of the blob store for S3 and what is compatible with it. Amazon S3 API reference. */

import { algorithmOf, type Digest, hexOf } from '../../oci/digest.ts'
import type {
  BlobBody,
  BlobStore,
  BlobStoreLimits,
  ByteRange,
  ObjectPage,
  Part,
} from './blob-store.ts'
import { digestOfStream } from './part-hash.ts'
import { failureOf, S3Client, type S3Request, xmlOf } from './s3-client.ts'
import type { S3Failure } from './s3-errors.ts'
import type { S3Settings } from './s3-settings.ts'
import { elementsOf, escapeXml, textOf } from './s3-xml.ts'
import { endStalled } from './stalled-body.ts'
import { StorageError } from './storage-error.ts'

const CHECKSUM = 'x-amz-checksum-sha256'

/** S3, "Multipart upload limits". A large object comes in parts, of which each can be repeated: S3 would take 5 GiB whole. */
export const S3_LIMITS: BlobStoreLimits = {
  wholeBytes: 128 * 1024 ** 2,
  partBytes: 5 * 1024 ** 2,
  parts: 10_000,
  removedKeys: 1000,
}

/** Bodies that do not have the digest that was sent with them: the signature's, the checksum's, MinIO's. */
const WRONG_DIGEST = ['XAmzContentSHA256Mismatch', 'BadDigest', 'XAmzContentChecksumMismatch']

export interface S3Patience {
  /** How long the store may take to answer. */
  answerMs: number
  /** How long a body that is read may stall. */
  stallMs: number
}

const PATIENCE: S3Patience = { answerMs: 30_000, stallMs: 30_000 }

export class S3BlobStore implements BlobStore {
  readonly limits = S3_LIMITS
  readonly #client: S3Client
  readonly #stallMs: number

  constructor(settings: S3Settings, { answerMs, stallMs }: S3Patience = PATIENCE) {
    this.#client = new S3Client(settings, answerMs)
    this.#stallMs = stallMs
  }

  read(key: string, range?: ByteRange): Promise<ReadableStream<Uint8Array> | null> {
    const headers = range === undefined ? {} : { Range: byteRange(range) }
    return this.#client.send({ method: 'GET', key, headers }, async (response) => {
      if (!response.ok) return this.#absent('a read', response)
      const length = Number(response.headers.get('Content-Length') ?? Number.NaN)
      const isWhole = range === undefined && response.status === 200
      const isRange = range?.length === length && (response.status === 206 || range.offset === 0)
      if (Number.isSafeInteger(length) && (isWhole || isRange)) {
        // An empty object may have no body.
        return endStalled(response.body ?? new Blob([]).stream(), length, this.#stallMs)
      }
      await response.body?.cancel()
      throw new Error(`S3 answered a read with ${response.status} and ${length} bytes`)
    })
  }

  /** The answer to a HEAD has no error code: the object may be missing, or the bucket. So a GET asks again. */
  async size(key: string): Promise<number | null> {
    const size = await this.#client.send({ method: 'HEAD', key }, async (response) =>
      response.ok ? Number(response.headers.get('Content-Length')) : null,
    )
    if (size !== null) return size
    return this.#client.send({ method: 'GET', key }, async (response) => {
      if (!response.ok) return this.#absent('a question for a size', response)
      await response.body?.cancel()
      return Number(response.headers.get('Content-Length'))
    })
  }

  /**
   * S3 verifies the SHA-256 while it stores the body. A store that does so repeats the checksum in its answer. Otherwise, and for
   * SHA-512, the object is read back.
   */
  async write(key: string, body: BlobBody, digest: Digest): Promise<boolean> {
    const checksum = algorithmOf(digest) === 'sha256' ? base64Of(hexOf(digest)) : null
    const headers: Record<string, string> =
      checksum === null ? {} : { 'x-amz-content-sha256': hexOf(digest), [CHECKSUM]: checksum }
    const { wholeBytes: bytesAtMost } = this.limits
    const request: S3Request = { method: 'PUT', key, headers, body, bytesAtMost }
    const verified = await this.#client.send(request, async (response) => {
      const failure = failureOf(response, await xmlOf(response))
      if (failure === null) return checksum !== null && response.headers.get(CHECKSUM) === checksum
      if (WRONG_DIGEST.includes(failure.code)) return 'wrong'
      throw this.#client.error('a write', failure)
    })
    if (verified === 'wrong') return false
    return verified || this.#readBack(key, digest)
  }

  async #readBack(key: string, digest: Digest): Promise<boolean> {
    const stream = await this.read(key)
    if (stream === null) throw new Error(`the object ${key} that S3 stored is not there`)
    const actual = await digestOfStream(stream, algorithmOf(digest)).catch((error: unknown) => {
      throw new StorageError('passing', 'an object could not be read back', { cause: error })
    })
    if (actual === digest) return true
    await this.remove([key])
    return false
  }

  async list(prefix: string, after: string): Promise<ObjectPage> {
    const query = { 'list-type': '2', prefix, 'start-after': after }
    const xml = await this.#xml('a list', { method: 'GET', query })
    const objects = elementsOf(xml, 'Contents').map((entry) => ({
      key: textOf(entry, 'Key'),
      uploaded: Date.parse(textOf(entry, 'LastModified')),
    }))
    return { objects, more: textOf(xml, 'IsTruncated') === 'true' }
  }

  async remove(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return
    const named = keys.map((key) => `<Object><Key>${escapeXml(key)}</Key></Object>`)
    const body = `<Delete><Quiet>true</Quiet>${named.join('')}</Delete>`
    const headers = await checksumsOf(body)
    const xml = await this.#xml('a removal', {
      method: 'POST',
      query: { delete: '' },
      headers,
      body,
    })
    const [failed] = elementsOf(xml, 'Error')
    if (failed === undefined) return
    throw this.#client.error('a removal', {
      status: 200,
      code: textOf(failed, 'Code'),
      xml: failed,
    })
  }

  async beginParts(key: string): Promise<string> {
    const request: S3Request = { method: 'POST', key, query: { uploads: '' } }
    const uploadId = textOf(await this.#xml('the begin of parts', request), 'UploadId')
    if (uploadId === '') throw new Error('S3 answered the begin of parts without an id')
    return uploadId
  }

  writePart(key: string, uploadId: string, number: number, body: BlobBody): Promise<Part> {
    const query = { partNumber: String(number), uploadId }
    const { wholeBytes: bytesAtMost } = this.limits
    return this.#client.send({ method: 'PUT', key, query, body, bytesAtMost }, async (response) => {
      const failure = failureOf(response, await xmlOf(response))
      if (failure !== null) throw this.#client.error('a part', failure)
      const etag = response.headers.get('ETag')
      if (etag === null) throw new Error('S3 answered a part without an etag')
      return { number, etag }
    })
  }

  async completeParts(key: string, uploadId: string, parts: readonly Part[]): Promise<boolean> {
    const named = parts.map(
      ({ number, etag }) =>
        `<Part><PartNumber>${number}</PartNumber><ETag>${escapeXml(etag)}</ETag></Part>`,
    )
    const body = `<CompleteMultipartUpload>${named.join('')}</CompleteMultipartUpload>`
    const failure = await this.#failure({ method: 'POST', key, query: { uploadId }, body })
    if (failure === null) return true
    // The answer of an earlier try may have been lost. Then the object exists and the upload does not.
    if (failure.code === 'NoSuchUpload') return (await this.size(key)) !== null
    if (failure.code === 'InvalidPart') return false
    throw this.#client.error('the end of parts', failure)
  }

  async abortParts(key: string, uploadId: string): Promise<void> {
    const failure = await this.#failure({ method: 'DELETE', key, query: { uploadId } })
    if (failure === null || failure.code === 'NoSuchUpload') return
    throw this.#client.error('an abort', failure)
  }

  presign(key: string, expiresSeconds: number): Promise<string> {
    return this.#client.presign(key, expiresSeconds)
  }

  async #xml(what: string, request: S3Request): Promise<string> {
    return this.#client.send(request, async (response) => {
      const xml = await xmlOf(response)
      const failure = failureOf(response, xml)
      if (failure !== null) throw this.#client.error(what, failure)
      return xml
    })
  }

  #failure(request: S3Request): Promise<S3Failure | null> {
    return this.#client.send(request, async (response) =>
      failureOf(response, await xmlOf(response)),
    )
  }

  /** Null if the object does not exist. Throws for every other failure. */
  async #absent(what: string, response: Response): Promise<null> {
    const xml = await xmlOf(response)
    const failure = { status: response.status, code: textOf(xml, 'Code'), xml }
    if (failure.code === 'NoSuchKey') return null
    throw this.#client.error(what, failure)
  }
}

function byteRange({ offset, length }: ByteRange): string {
  return `bytes=${offset}-${offset + length - 1}`
}

function base64Of(hex: string): string {
  return Uint8Array.fromHex(hex).toBase64()
}

/** Some stores want the one, and some the other. */
async function checksumsOf(body: string): Promise<Record<string, string>> {
  const bytes = new TextEncoder().encode(body)
  const [md5, sha256] = await Promise.all(
    ['MD5', 'SHA-256'].map((name) => crypto.subtle.digest(name, bytes)),
  )
  const base64 = (hash = new ArrayBuffer(0)) => new Uint8Array(hash).toBase64()
  return { 'Content-MD5': base64(md5), [CHECKSUM]: base64(sha256) }
}
