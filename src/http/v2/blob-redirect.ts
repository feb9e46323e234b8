/** Redirects downloads of large blobs: to the bucket, with a URL that is signed for a few minutes, or to the bucket's public domain. */
import { type Credentials, presignGet } from '../../lib/presign.ts'

export interface BlobRedirect {
  /** The URL before the storage key, without a trailing slash. */
  base: string
  /** If null, URLs are not signed. */
  credentials: Credentials | null
  /** The registry itself sends blobs of fewer bytes. */
  minBytes: number
}

interface RedirectVariables {
  /** Empty if not set. */
  keyId: string
  /** Empty if not set. */
  secret: string
  minMebibytes: number
  /** Whether the URL may use plain http. */
  allowHttp: boolean
}

const MIB = 1024 * 1024

/** @throws {Error} that says which values are accepted */
export function parseBlobRedirect(text: string, variables: RedirectVariables): BlobRedirect {
  const { keyId, secret, minMebibytes, allowHttp } = variables
  const url = URL.parse(text)
  const plain = url !== null && url.search + url.hash + url.username === ''
  if (!plain || !(url.protocol === 'https:' || (allowHttp && url.protocol === 'http:'))) {
    throw new Error('an https URL without a query, such as https://blobs.example.com')
  }
  if ((keyId === '') !== (secret === '')) {
    throw new Error('BLOB_REDIRECT_KEY_ID and BLOB_REDIRECT_SECRET together, or neither')
  }
  const base = url.origin + url.pathname.replace(/\/+$/, '')
  const ofApi = url.hostname.endsWith('.r2.cloudflarestorage.com')
  if (ofApi && (secret === '' || base === url.origin)) {
    throw new Error(
      'an S3 endpoint with the bucket as its path, and credentials in BLOB_REDIRECT_KEY_ID and BLOB_REDIRECT_SECRET',
    )
  }
  const credentials = secret === '' ? null : { keyId, secret }
  return { base, credentials, minBytes: minMebibytes * MIB }
}

/** Seconds within which a download must begin. A later client must ask the registry again. */
const EXPIRES_SECONDS = 300

/** The URL of an object's bytes; null if the registry sends them itself. */
export async function redirectUrl(
  redirect: BlobRedirect | null,
  key: string,
  size: number,
): Promise<string | null> {
  if (redirect === null || size < redirect.minBytes) return null
  const url = new URL(`${redirect.base}/${key}`)
  if (redirect.credentials === null) return url.href
  return presignGet(url, redirect.credentials, {
    region: 'auto',
    expiresSeconds: EXPIRES_SECONDS,
    now: new Date(),
  })
}
