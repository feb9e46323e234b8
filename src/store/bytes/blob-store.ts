/**
 * Where bytes lie, as an interface: an object store with unique keys, ranges, and uploads in parts. `r2-blob-store.ts` is its
 * driver for R2. A key is written once and never re-used, so a reader may cache what it read for ever, and deleting an old
 * object cannot hurt a fresh upload of the same content.
 */
import type { Digest } from '../../oci/digest.ts'

/** What an object store's part upload answers, to be given back when the object is completed. */
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
    /** When it was written, in milliseconds since the epoch. */
    uploaded: number
  }[]
  /** Whether there are more. */
  more: boolean
}

export type BlobBody = ReadableStream<Uint8Array> | Uint8Array

/** What a store takes at once. */
export interface BlobStoreLimits {
  /** Bytes of an object that is written whole. */
  wholeBytes: number
  /** Bytes of a part, but of the last: parts are no smaller. */
  partBytes: number
  /** Parts of an object. */
  parts: number
  /** Keys that one call removes. */
  removedKeys: number
}

export interface BlobStore {
  readonly limits: BlobStoreLimits
  /** The object's bytes, or those of `range` (which must lie within the object); null where there is no such object. */
  read(key: string, range?: ByteRange): Promise<ReadableStream<Uint8Array> | null>
  /** The object's size in bytes; null where there is no such object. */
  size(key: string): Promise<number | null>
  /**
   * Writes a whole object (a stream must have a known length) and verifies it on the way.
   * @returns false, with nothing stored, where the bytes do not hash to `digest`
   */
  write(key: string, body: BlobBody, digest: Digest): Promise<boolean>
  /** Up to 1,000 objects whose keys begin with `prefix`, in the order of keys, from the one after `after` on. */
  list(prefix: string, after: string): Promise<ObjectPage>
  /** Deletes objects, at most `limits.removedKeys`; a key without an object is no error. */
  remove(keys: readonly string[]): Promise<void>

  /** Begins an object that is written in parts, each of the same size but the last; returns the upload's id. */
  beginParts(key: string): Promise<string>
  writePart(key: string, uploadId: string, number: number, body: BlobBody): Promise<Part>
  /**
   * Makes the object of its parts, in order. Where that was done before, it changes nothing.
   * @returns false, with nothing changed, where the store does not have just these parts
   */
  completeParts(key: string, uploadId: string, parts: readonly Part[]): Promise<boolean>
  /** Gives the parts up. An upload that is not there any more is no error. */
  abortParts(key: string, uploadId: string): Promise<void>
}

/** A key that no object ever had. Id and date let the orphan sweep list only what is this registry's, and of the days that it looks at. */
export function newStorageKey(
  registryId: string,
  kind: 'blobs' | 'manifests',
  now: Date = new Date(),
): string {
  return `${dayPrefix(registryId, kind, now.toISOString().slice(0, 10))}${crypto.randomUUID()}`
}

/** What the storage keys of a day (yyyy-mm-dd) begin with. */
export function dayPrefix(registryId: string, kind: 'blobs' | 'manifests', day: string): string {
  return `${registryId}/${kind}/${day}/`
}
