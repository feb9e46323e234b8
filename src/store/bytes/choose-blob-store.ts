/** Chooses the driver of the blob store by the bindings and variables of the Worker. */
import type { allowLoopback } from '../../lib/outgoing-address.ts'
import { readerOf, SettingError, type VariableOf } from '../../lib/setting.ts'
import { RegistryError } from '../../oci/errors.ts'
import type { BlobStore } from './blob-store.ts'
import { FolderBlobStore } from './folder-blob-store.ts'
import { R2BlobStore } from './r2-blob-store.ts'
import { S3BlobStore } from './s3-blob-store.ts'
import { S3_SETTINGS } from './s3-settings.ts'

type StorageVariable = VariableOf<typeof S3_SETTINGS> | typeof allowLoopback.variable

/** The bindings and variables that name a store. */
export type StorageEnv = {
  BUCKET?: R2Bucket
  /** The server of a storage folder, which `npm start -- --storage` binds. */
  BLOB_FOLDER?: Fetcher
} & { [Name in StorageVariable]?: string }

/** Without an endpoint, these would silently do nothing. */
const NEED_ENDPOINT = ['S3_BUCKET', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'] as const

/**
 * The folder if one is bound, S3 if S3_ENDPOINT is set, otherwise the R2 bucket with the binding BUCKET.
 * @throws {SettingError} for an invalid variable
 * @throws {RegistryError} UNAVAILABLE if no store is configured
 */
export function blobStoreOf({ BUCKET, BLOB_FOLDER, ...variables }: StorageEnv): BlobStore {
  if (BLOB_FOLDER !== undefined) return new FolderBlobStore(BLOB_FOLDER)
  const s3 = readerOf(variables)(S3_SETTINGS.s3)
  if (s3 !== null) return new S3BlobStore(s3)
  const alone = NEED_ENDPOINT.find((name) => variables[name])
  if (alone !== undefined) {
    throw new SettingError('S3_ENDPOINT', `the URL of the S3 store, because ${alone} is set`)
  }
  if (BUCKET !== undefined) return new R2BlobStore(BUCKET)
  throw new RegistryError('UNAVAILABLE', {
    message: 'no storage is configured: bind an R2 bucket as BUCKET, or set S3_ENDPOINT',
  })
}
