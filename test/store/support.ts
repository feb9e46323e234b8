/** What the tests of the store share: digests of nothing in particular, rows put in without HTTP, and looks at the tables. */

import { env } from 'cloudflare:workers'
import { NO_PRECONDITIONS } from '../../src/lib/conditional.ts'
import type { Digest } from '../../src/oci/digest.ts'
import { newStorageKey } from '../../src/store/bytes/blob-store.ts'
import type { Database } from '../../src/store/database/database.ts'
import { commitBlob, type StoredBlob } from '../../src/store/registry/blobs.ts'
import { type NewManifest, putManifest } from '../../src/store/registry/put-manifest.ts'
import { anyEvent } from '../support/any-event.ts'

export const db: Database = env.DB

/** A registry that no other test looks at. */
export const REGISTRY = '0123456789abcdef'

let made = 0

/** A digest that no other call returns. */
export function anyDigest(): Digest {
  made += 1
  return `sha256:${made.toString(16).padStart(64, '0')}`
}

export function anyBlob(digest: Digest = anyDigest()): StoredBlob {
  return { digest, size: 10, storageKey: newStorageKey(REGISTRY, 'blobs') }
}

export async function committedBlob(repository: string): Promise<StoredBlob> {
  const blob = anyBlob()
  await commitBlob(db, repository, blob, anyEvent())
  return blob
}

export function anyManifest(extra: Partial<NewManifest> = {}): NewManifest {
  return {
    digest: anyDigest(),
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    size: 2,
    content: { payload: '{}' },
    artifactType: null,
    subject: null,
    annotations: null,
    blobs: [],
    children: [],
    entries: [],
    tags: [],
    mayMoveTags: true,
    preconditions: NO_PRECONDITIONS,
    path: { tag: 'any' },
    events: [anyEvent()],
    ...extra,
  }
}

/** The same manifest, put by another operation. */
export function putAgain(manifest: NewManifest, extra: Partial<NewManifest> = {}): NewManifest {
  return { ...manifest, events: [anyEvent()], ...extra }
}

export async function storedManifest(
  repository: string,
  extra: Partial<NewManifest> = {},
): Promise<NewManifest> {
  const manifest = anyManifest(extra)
  const outcome = await putManifest(db, repository, manifest)
  if (outcome !== 'stored') throw new Error(`the manifest was refused: ${outcome}`)
  return manifest
}

/** The storage keys that are buried, in the order of keys. */
export async function buried(): Promise<string[]> {
  const { results } = await db
    .prepare('SELECT storage_key FROM tombstones ORDER BY storage_key')
    .all<{ storage_key: string }>()
  return results.map((row) => row.storage_key)
}

export async function count(table: string): Promise<number> {
  const row = await db.prepare(`SELECT count(*) AS n FROM ${table}`).first<{ n: number }>()
  return row?.n ?? 0
}
