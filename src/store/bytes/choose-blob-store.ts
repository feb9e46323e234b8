/** Chooses the driver of the blob store by the bindings and variables of the Worker. */
import { RegistryError } from '../../oci/errors.ts'
import type { BlobStore } from './blob-store.ts'
import { FolderBlobStore } from './folder-blob-store.ts'
import { R2BlobStore } from './r2-blob-store.ts'

/** The bindings that name a store. */
export interface StorageEnv {
  BUCKET?: R2Bucket
  /** The server of a storage folder, which `npm start -- --storage` binds. */
  BLOB_FOLDER?: Fetcher
}

/** @throws {RegistryError} UNAVAILABLE if no store is configured */
export function blobStoreOf({ BUCKET, BLOB_FOLDER }: StorageEnv): BlobStore {
  if (BLOB_FOLDER !== undefined) return new FolderBlobStore(BLOB_FOLDER)
  if (BUCKET !== undefined) return new R2BlobStore(BUCKET)
  throw new RegistryError('UNAVAILABLE', {
    message: 'no storage is configured: bind an R2 bucket as BUCKET',
  })
}
