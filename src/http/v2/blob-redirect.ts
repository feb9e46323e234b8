/** Redirects downloads of large blobs: to the bucket, with a URL that is signed for a few minutes, or to the bucket's public domain. */

import { type Credentials, presignGet } from '../../lib/presign.ts'
import { SettingError } from '../../lib/setting.ts'
import type { BlobStore } from '../../store/bytes/blob-store.ts'

export interface BlobRedirect {
  /** The URL before the storage key, without a trailing slash. If null, the store itself signs URLs. */
  base: string | null
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

/** The value of BLOB_REDIRECT for URLs that the store itself signs. */
const OF_STORE = 'storage'

/** @throws {Error} that says which values are accepted */
export function parseBlobRedirect(text: string, variables: RedirectVariables): BlobRedirect {
  const { keyId, secret, minMebibytes, allowHttp } = variables
  const minBytes = minMebibytes * MIB
  if (text === OF_STORE) return { base: null, credentials: null, minBytes }
  const url = URL.parse(text)
  const plain = url !== null && url.search + url.hash + url.username === ''
  if (!plain || !(url.protocol === 'https:' || (allowHttp && url.protocol === 'http:'))) {
    throw new Error('an https URL without a query, such as https://blobs.example.com, or "storage"')
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
  return { base, credentials, minBytes }
}

/** Seconds within which a download must begin. A later client must ask the registry again. */
const EXPIRES_SECONDS = 300

/**
 * The URL of an object's bytes; null if the registry sends them itself.
 * @throws {SettingError} if the store should sign URLs, and cannot
 */
export async function redirectUrl(
  redirect: BlobRedirect | null,
  store: Pick<BlobStore, 'presign'>,
  key: string,
  size: number,
): Promise<string | null> {
  if (redirect === null || size < redirect.minBytes) return null
  if (redirect.base === null) {
    if (store.presign !== undefined) return store.presign(key, EXPIRES_SECONDS)
    throw new SettingError('BLOB_REDIRECT', 'a URL, because this storage signs none')
  }
  const url = new URL(`${redirect.base}/${key}`)
  if (redirect.credentials === null) return url.href
  return presignGet(url, redirect.credentials, {
    region: 'auto',
    expiresSeconds: EXPIRES_SECONDS,
    now: new Date(),
  })
}
