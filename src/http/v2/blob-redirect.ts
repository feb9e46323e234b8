/**
 * Where large blobs are fetched instead of here: from the bucket itself, by a URL that is signed for a few minutes, or by the
 * bucket's own public domain.
 */
import { type Credentials, presignGet } from '../../lib/presign.ts'

export interface BlobRedirect {
  /** What storage keys are put behind; no slash at its end. */
  base: string
  /** Without them, URLs are not signed. */
  credentials: Credentials | null
  /** Blobs of fewer bytes are sent by the registry. */
  minBytes: number
}

interface RedirectVariables {
  /** '' for none. */
  keyId: string
  /** '' for none. */
  secret: string
  minMebibytes: number
  /** Whether the URL may be one of plain http. */
  allowHttp: boolean
}

const MIB = 1024 * 1024

/** @throws {Error} which says what is taken */
export function parseBlobRedirect(text: string, variables: RedirectVariables): BlobRedirect {
  const { keyId, secret, minMebibytes, allowHttp } = variables
  const url = URL.parse(text)
  const plain = url !== null && url.search + url.hash + url.username === ''
  if (!plain || !(url.protocol === 'https:' || (allowHttp && url.protocol === 'http:'))) {
    throw new Error('an https URL without a query, such as https://blobs.example.com')
  }
  if ((keyId === '') !== (secret === '')) {
    throw new Error('BLOB_REDIRECT_KEY_ID and BLOB_REDIRECT_SECRET beside it, both or neither')
  }
  const base = url.origin + url.pathname.replace(/\/+$/, '')
  const ofApi = url.hostname.endsWith('.r2.cloudflarestorage.com')
  if (ofApi && (secret === '' || base === url.origin)) {
    throw new Error(
      'the bucket in the path of an S3 endpoint, and its credentials in BLOB_REDIRECT_KEY_ID and BLOB_REDIRECT_SECRET',
    )
  }
  const credentials = secret === '' ? null : { keyId, secret }
  return { base, credentials, minBytes: minMebibytes * MIB }
}

/** For so long the download may be begun; a client that comes later asks the registry again. */
const EXPIRES_SECONDS = 300

/** The URL of an object's bytes; null where the registry sends them itself. */
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
