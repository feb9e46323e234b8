/**
 * The error table of the registry API, and Berth's only error class. Codes, statuses and messages are those of the OCI distribution
 * spec ("Error Codes"), or else of the Docker Registry HTTP API V2.
 */

export const ERROR_TABLE = {
  UNKNOWN: { status: 500, message: 'unknown error' },
  UNSUPPORTED: { status: 405, message: 'The operation is unsupported.' },
  UNAUTHORIZED: { status: 401, message: 'authentication required' },
  DENIED: { status: 403, message: 'requested access to the resource is denied' },
  UNAVAILABLE: { status: 503, message: 'service unavailable' },
  TOOMANYREQUESTS: { status: 429, message: 'too many requests' },
  DIGEST_INVALID: { status: 400, message: 'provided digest did not match uploaded content' },
  SIZE_INVALID: { status: 400, message: 'provided length did not match content length' },
  RANGE_INVALID: { status: 416, message: 'invalid content range' },
  NAME_INVALID: { status: 400, message: 'invalid repository name' },
  TAG_INVALID: { status: 400, message: 'manifest tag did not match URI' },
  NAME_UNKNOWN: { status: 404, message: 'repository name not known to registry' },
  MANIFEST_UNKNOWN: { status: 404, message: 'manifest unknown' },
  MANIFEST_INVALID: { status: 400, message: 'manifest invalid' },
  MANIFEST_UNVERIFIED: { status: 400, message: 'manifest failed signature verification' },
  MANIFEST_BLOB_UNKNOWN: { status: 400, message: 'blob unknown to registry' },
  BLOB_UNKNOWN: { status: 404, message: 'blob unknown to registry' },
  BLOB_UPLOAD_UNKNOWN: { status: 404, message: 'blob upload unknown to registry' },
  BLOB_UPLOAD_INVALID: { status: 404, message: 'blob upload invalid' },
  PAGINATION_NUMBER_INVALID: { status: 400, message: 'invalid number of results requested' },
  // Berth's own codes, used only by the administration API.
  REQUEST_INVALID: { status: 400, message: 'invalid request' },
  NOT_FOUND: { status: 404, message: 'not found' },
  CONFLICT: { status: 409, message: 'conflict with the current state' },
} as const

export type ErrorCode = keyof typeof ERROR_TABLE

/** A JSON value. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json }

/** One entry of the envelope `{"errors":[…]}`. */
export interface ErrorEntry {
  code: ErrorCode
  message: string
  detail?: Json
}

/** RFC 6749, 5.2; RFC 8693, 2.2.2. */
export type OAuthErrorCode =
  | 'invalid_request'
  | 'invalid_grant'
  | 'invalid_client'
  | 'unsupported_grant_type'
  | 'invalid_scope'
  | 'invalid_target'

/** The body of an error response. */
export interface ErrorEnvelope {
  errors: readonly ErrorEntry[]
  error?: OAuthErrorCode
  error_description?: string
}

export interface RegistryErrorOptions {
  /** What went wrong, as text for the person at the client; by default the table's message. */
  message?: string
  /** Machine-readable context: a digest, `{ name }`, `{ n }`. */
  detail?: Json
  /** One entry for each of these details, instead of a single `detail`: for example, all missing blobs of a manifest. */
  details?: readonly Json[]
  /** Overrides the table's status, only for statuses that the table does not have (413). */
  status?: number
  /** Response headers that belong to the error: `Range` with a 416, `Allow` with a 405. */
  headers?: Record<string, string>
  /** The error code for OAuth clients of the token endpoint. */
  oauth?: OAuthErrorCode
}

/** The error that handlers throw. Only the app's error handler renders it. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError'
  readonly status: number
  readonly headers: Record<string, string>
  readonly entries: readonly ErrorEntry[]
  readonly oauth: OAuthErrorCode | null

  constructor(code: ErrorCode, options: RegistryErrorOptions = {}) {
    const message = options.message ?? ERROR_TABLE[code].message
    super(message)
    this.status = options.status ?? ERROR_TABLE[code].status
    this.headers = options.headers ?? {}
    this.oauth = options.oauth ?? null
    const details = options.details ?? [options.detail]
    this.entries = details.map((detail) =>
      detail === undefined ? { code, message } : { code, message, detail },
    )
  }

  /** The envelope that the OCI distribution spec ("Error Codes") requires for every 4xx body. */
  toJSON(): ErrorEnvelope {
    if (this.oauth === null) return { errors: this.entries }
    return { errors: this.entries, error: this.oauth, error_description: this.message }
  }
}
