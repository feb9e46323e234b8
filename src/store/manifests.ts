/**
 * Manifests: stored byte for byte, found by digest or tag in one query, put with their references and tags in one
 * transaction. Up to 64 KiB the bytes stand in the row itself; larger ones lie in the blob store.
 */
import type { Digest } from '../oci/digest.ts'
import { isForeignKeyError } from './blobs.ts'
import { ensureRepository } from './repositories.ts'
import { buryUnlessTaken, TOMBSTONE_GRACE_MS } from './tombstones.ts'

/** A manifest up to so many bytes stands in its row. */
export const INLINE_MANIFEST_BYTES = 64 * 1024

/** Where a manifest's bytes are: in the row, as text, or in the blob store. */
export type ManifestContent = { payload: string } | { storageKey: string }

export interface StoredManifest {
  digest: Digest
  mediaType: string
  /** Bytes. */
  size: number
  content: ManifestContent
}

export interface NewManifest extends StoredManifest {
  artifactType: string | null
  subject: Digest | null
  /** JSON text, kept for the referrers list. */
  annotations: string | null
  blobs: readonly Digest[]
  children: readonly Digest[]
  tags: readonly string[]
}

/** The columns that hold the content; the schema lets just one of them be null. */
export interface ContentRow {
  payload: string | null
  storage_key: string | null
}

interface ManifestRow extends ContentRow {
  digest: Digest
  media_type: string
  size: number
}

const COLUMNS =
  'manifests.digest, manifests.media_type, manifests.size, manifests.payload, manifests.storage_key'

const SQL = {
  findByDigest: `
    SELECT ${COLUMNS} FROM repositories
    JOIN manifests ON manifests.repository_id = repositories.id
    WHERE repositories.name = ?1 AND manifests.digest = ?2`,
  findByTag: `
    SELECT ${COLUMNS} FROM repositories
    JOIN tags ON tags.repository_id = repositories.id
    JOIN manifests ON manifests.repository_id = tags.repository_id AND manifests.digest = tags.digest
    WHERE repositories.name = ?1 AND tags.name = ?2`,
  blobSizes: `
    SELECT wanted.value AS digest, blobs.size FROM json_each(?2) AS wanted
    JOIN repositories ON repositories.name = ?1
    JOIN repository_blobs ON repository_blobs.repository_id = repositories.id
      AND repository_blobs.digest = wanted.value
    JOIN blobs ON blobs.digest = wanted.value`,
  manifestSizes: `
    SELECT wanted.value AS digest, manifests.size FROM json_each(?2) AS wanted
    JOIN repositories ON repositories.name = ?1
    JOIN manifests ON manifests.repository_id = repositories.id AND manifests.digest = wanted.value`,
  put: `
    INSERT INTO manifests (repository_id, digest, media_type, artifact_type, subject_digest, annotations,
      size, payload, storage_key, created_at, pushed_at)
    SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10 FROM repositories WHERE name = ?1
    ON CONFLICT (repository_id, digest) DO UPDATE SET
      media_type = excluded.media_type, artifact_type = excluded.artifact_type,
      pushed_at = excluded.pushed_at`,
  referToBlobs: `
    INSERT OR IGNORE INTO manifest_blobs (repository_id, manifest_digest, blob_digest)
    SELECT repositories.id, ?2, wanted.value FROM repositories, json_each(?3) AS wanted
    WHERE repositories.name = ?1`,
  referToChildren: `
    INSERT OR IGNORE INTO manifest_children (repository_id, manifest_digest, child_digest)
    SELECT repositories.id, ?2, wanted.value FROM repositories, json_each(?3) AS wanted
    WHERE repositories.name = ?1`,
  tag: `
    INSERT INTO tags (repository_id, name, digest, updated_at)
    SELECT repositories.id, wanted.value, ?2, ?4 FROM repositories, json_each(?3) AS wanted
    WHERE repositories.name = ?1
    ON CONFLICT (repository_id, name) DO UPDATE SET
      digest = excluded.digest, updated_at = excluded.updated_at`,
  bury: `
    INSERT OR IGNORE INTO tombstones (storage_key, delete_after)
    SELECT manifests.storage_key, ?3 FROM repositories
    JOIN manifests ON manifests.repository_id = repositories.id
    WHERE repositories.name = ?1 AND manifests.digest = ?2 AND manifests.storage_key IS NOT NULL`,
  remove: `
    DELETE FROM manifests
    WHERE repository_id = (SELECT id FROM repositories WHERE name = ?1) AND digest = ?2
    RETURNING digest`,
} as const

export async function findManifestByDigest(
  db: D1Database,
  repository: string,
  digest: Digest,
): Promise<StoredManifest | null> {
  return fromRow(await db.prepare(SQL.findByDigest).bind(repository, digest).first<ManifestRow>())
}

export async function findManifestByTag(
  db: D1Database,
  repository: string,
  tag: string,
): Promise<StoredManifest | null> {
  return fromRow(await db.prepare(SQL.findByTag).bind(repository, tag).first<ManifestRow>())
}

/** The sizes in bytes of those blobs of `digests` that the repository has. */
export function blobSizes(
  db: D1Database,
  repository: string,
  digests: readonly Digest[],
): Promise<Map<string, number>> {
  return sizes(db.prepare(SQL.blobSizes).bind(repository, JSON.stringify(digests)))
}

/** The sizes in bytes of those manifests of `digests` that the repository has. */
export function manifestSizes(
  db: D1Database,
  repository: string,
  digests: readonly Digest[],
): Promise<Map<string, number>> {
  return sizes(db.prepare(SQL.manifestSizes).bind(repository, JSON.stringify(digests)))
}

/**
 * Puts a manifest with its references and tags. May be repeated with the same manifest.
 * @returns false, with nothing changed, where something that it refers to is not in the repository: the schema refuses
 */
export async function putManifest(
  db: D1Database,
  repository: string,
  manifest: NewManifest,
): Promise<boolean> {
  const now = Date.now()
  const { digest, content } = manifest
  const payload = 'payload' in content ? content.payload : null
  const storageKey = 'storageKey' in content ? content.storageKey : null
  const statements = [
    ensureRepository(db, repository, now),
    db
      .prepare(SQL.put)
      .bind(
        repository,
        digest,
        manifest.mediaType,
        manifest.artifactType,
        manifest.subject,
        manifest.annotations,
        manifest.size,
        payload,
        storageKey,
        now,
      ),
  ]
  if (manifest.blobs.length > 0) {
    const blobs = JSON.stringify(manifest.blobs)
    statements.push(db.prepare(SQL.referToBlobs).bind(repository, digest, blobs))
  }
  if (manifest.children.length > 0) {
    const children = JSON.stringify(manifest.children)
    statements.push(db.prepare(SQL.referToChildren).bind(repository, digest, children))
  }
  if (manifest.tags.length > 0) {
    const tags = JSON.stringify(manifest.tags)
    statements.push(db.prepare(SQL.tag).bind(repository, digest, tags, now))
  }
  if (storageKey !== null) statements.push(buryUnlessTaken(db, storageKey, now))
  try {
    await db.batch(statements)
    return true
  } catch (error) {
    if (isForeignKeyError(error)) return false
    throw error
  }
}

/**
 * Removes a manifest and the tags that point at it.
 * @returns 'in use' where an index of the repository refers to it: the schema refuses, and nothing is changed
 */
export async function removeManifest(
  db: D1Database,
  repository: string,
  digest: Digest,
): Promise<'deleted' | 'unknown' | 'in use'> {
  try {
    const [, removed] = await db.batch([
      db.prepare(SQL.bury).bind(repository, digest, Date.now() + TOMBSTONE_GRACE_MS),
      db.prepare(SQL.remove).bind(repository, digest),
    ])
    return removed !== undefined && removed.results.length > 0 ? 'deleted' : 'unknown'
  } catch (error) {
    if (isForeignKeyError(error)) return 'in use'
    throw error
  }
}

async function sizes(statement: D1PreparedStatement): Promise<Map<string, number>> {
  const { results } = await statement.all<{ digest: string; size: number }>()
  return new Map(results.map((row) => [row.digest, row.size]))
}

function fromRow(row: ManifestRow | null): StoredManifest | null {
  if (row === null) return null
  return {
    digest: row.digest,
    mediaType: row.media_type,
    size: row.size,
    content: toContent(row),
  }
}

export function toContent({ payload, storage_key }: ContentRow): ManifestContent {
  return storage_key === null ? { payload: payload ?? '' } : { storageKey: storage_key }
}
