/**
 * The interface of the store of bytes: an object store with unique keys, ranges, and uploads in parts. `choose-blob-store.ts` chooses
 * its driver, and `suite/` has what every driver must do. A key is written once and never used again. So a reader may cache an object
 * for ever, and the removal of an old object cannot harm a new upload of the same content.
 */
import type { Digest } from '../../oci/digest.ts'

/** The store's receipt for a part. `complete` takes the receipts of all parts. */
export interface Part {
  /** From 1. */
  number: number
  etag: string
}

export interface ByteRange {
  /** The first byte, from 0. */
  offset: number
  length: number
}

export interface ObjectPage {
  objects: {
    key: string
    /** The time when it was written, in milliseconds since the epoch. */
    uploaded: number
  }[]
  /** Whether more objects follow. */
  more: boolean
}

export type BlobBody = ReadableStream<Uint8Array> | Uint8Array

/** The limits of a store. */
export interface BlobStoreLimits {
  /** The maximum size in bytes of an object that is written whole. */
  wholeBytes: number
  /** The minimum size in bytes of all parts except the last. */
  partBytes: number
  /** The maximum number of parts of an object. */
  parts: number
  /** The maximum number of keys that one call removes. */
  removedKeys: number
}

export interface BlobStore {
  readonly limits: BlobStoreLimits
  /** True if reads are as fast as the edge cache, which then keeps nothing of this store. */
  readonly isNear?: boolean
  /** The bytes of the object, or of `range`, which must lie within it; null if the object does not exist. */
  read(key: string, range?: ByteRange): Promise<ReadableStream<Uint8Array> | null>
  /** The size of the object in bytes; null if it does not exist. */
  size(key: string): Promise<number | null>
  /**
   * Writes a whole object and verifies its digest meanwhile. A stream must have a known length.
   * @returns false, with nothing stored, if the bytes do not have the digest
   */
  write(key: string, body: BlobBody, digest: Digest): Promise<boolean>
  /** Up to 1,000 objects with keys that begin with `prefix`, in the order of keys, after the key `after`. */
  list(prefix: string, after: string): Promise<ObjectPage>
  /** Deletes at most `limits.removedKeys` objects. A key without an object is no error. */
  remove(keys: readonly string[]): Promise<void>

  /** Begins an upload in parts of equal size, except the last. Returns the id of the upload. */
  beginParts(key: string): Promise<string>
  writePart(key: string, uploadId: string, number: number, body: BlobBody): Promise<Part>
  /**
   * Makes the object from its parts, in order. Changes nothing if that was done before.
   * @returns false, with nothing changed, if the store does not have exactly these parts
   */
  completeParts(key: string, uploadId: string, parts: readonly Part[]): Promise<boolean>
  /** Discards the parts. An upload that no longer exists is no error. */
  abortParts(key: string, uploadId: string): Promise<void>

  /** A URL with which anyone can GET the object for `expiresSeconds`, for stores that clients can reach themselves. */
  presign?(key: string, expiresSeconds: number): Promise<string>
}

/** A new key, which no object ever had. With its id and date the orphan sweep lists only this registry's objects of the wanted day. */
export function newStorageKey(
  registryId: string,
  kind: 'blobs' | 'manifests',
  now: Date = new Date(),
): string {
  return `${dayPrefix(registryId, kind, now.toISOString().slice(0, 10))}${crypto.randomUUID()}`
}

/** The prefix of the storage keys of a day (yyyy-mm-dd). */
export function dayPrefix(registryId: string, kind: 'blobs' | 'manifests', day: string): string {
  return `${registryId}/${kind}/${day}/`
}
