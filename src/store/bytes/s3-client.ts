/** Sends signed requests to an S3 store (AWS Signature Version 4), each with a time limit. */
import { AwsV4Signer } from 'aws4fetch'
import { sendChecked } from '../../lib/outgoing-request.ts'
import { presignGet } from '../../lib/presign.ts'
import { readBody } from '../../lib/read-body.ts'
import type { BlobBody } from './blob-store.ts'
import { type S3Failure, s3Error } from './s3-errors.ts'
import type { S3Settings } from './s3-settings.ts'
import { textOf } from './s3-xml.ts'
import { StorageError } from './storage-error.ts'

/** How long the store may take to answer, without the time of the body. */
const ANSWER_MS = 30_000

/** The slowest connection that the time limit of a body allows. */
const BYTES_PER_MS = 32

/** A page of 1,000 keys of 1 KiB with all that S3 says of an object, at most. */
const XML_BYTES = 4 * 1024 * 1024

export interface S3Request {
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  /** Without a key, the request is about the bucket. */
  key?: string
  query?: Record<string, string>
  headers?: Record<string, string>
  body?: BlobBody | string
  /** The maximum number of bytes of a body that is a stream. */
  bytesAtMost?: number
}

export class S3Client {
  readonly #settings: S3Settings
  /** The derived keys of the signature, by day. */
  readonly #keys = new Map<string, ArrayBuffer>()
  readonly #answerMs: number

  constructor(settings: S3Settings, answerMs = ANSWER_MS) {
    this.#settings = settings
    this.#answerMs = answerMs
  }

  /**
   * Sends a request, and reads its answer with `use`, all within the time limit.
   * @throws {StorageError} if the store cannot be reached, or does not answer in time
   */
  async send<T>(request: S3Request, use: (response: Response) => Promise<T>): Promise<T> {
    const stop = new AbortController()
    const limitMs = this.#answerMs + lengthOf(request) / BYTES_PER_MS
    const timer = setTimeout(() => stop.abort(new Error(`no answer in ${limitMs} ms`)), limitMs)
    try {
      const { url, headers } = await this.#signer(request).sign()
      // Not signed, because proxies change it. A proxy that compresses would hide the length of an object.
      headers.set('Accept-Encoding', 'identity')
      const { method, body } = request
      const signal = stop.signal
      const response = await sendChecked(url.href, {
        method,
        headers,
        signal,
        ...(body === undefined ? {} : { body }),
      }).catch((error: unknown) => {
        throw new StorageError('passing', `S3 did not answer: ${reasonOf(error)}`, { cause: error })
      })
      return await use(response)
    } finally {
      clearTimeout(timer)
    }
  }

  /** A URL with which anyone can GET the object. */
  presign(key: string, expiresSeconds: number): Promise<string> {
    const { region, keyId, secret } = this.#settings
    return presignGet(
      this.#url(key),
      { keyId, secret },
      { region, expiresSeconds, now: new Date() },
    )
  }

  /** The error for an answer that the call does not expect. */
  error(what: string, failure: S3Failure): Error {
    return s3Error(what, failure, this.#settings)
  }

  #signer({ method, key, query = {}, headers = {} }: S3Request): AwsV4Signer {
    const { keyId, secret, region } = this.#settings
    const url = this.#url(key)
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    return new AwsV4Signer({
      method,
      url: url.href,
      // Without a checksum of the body, aws4fetch sends UNSIGNED-PAYLOAD.
      headers,
      accessKeyId: keyId,
      secretAccessKey: secret,
      region,
      service: 's3',
      cache: this.#keys,
    })
  }

  #url(key: string | undefined): URL {
    const path = key === undefined ? '' : `/${key.split('/').map(encodeURIComponent).join('/')}`
    return new URL(`${this.#settings.base}${path}`)
  }
}

/** Reads the XML of an answer. A HEAD has none. */
export async function xmlOf(response: Response): Promise<string> {
  const bytes = await readBody(response.body, XML_BYTES).catch((error: unknown) => {
    throw new StorageError('passing', "S3's answer broke off", { cause: error })
  })
  if (bytes === null) throw new Error(`S3 answered more than ${XML_BYTES} bytes of XML`)
  return new TextDecoder().decode(bytes)
}

/** What an answer says of its failure; null if it succeeded. S3 may answer 200 with an error in the body. */
export function failureOf(response: Response, xml: string): S3Failure | null {
  const isError = /^(?:<\?xml[^>]*\?>)?\s*<Error>/.test(xml)
  if (response.ok && !isError) return null
  return { status: response.status, code: textOf(xml, 'Code'), xml }
}

function lengthOf({ body, bytesAtMost = 0 }: S3Request): number {
  if (body === undefined) return 0
  return body instanceof ReadableStream ? bytesAtMost : body.length
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
