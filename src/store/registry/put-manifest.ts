/**
 * Puts a manifest with its references and tags, in one transaction. Up to 64 KiB the bytes are in the row itself. A larger manifest is
 * an object of the blob store.
 */

import type { Preconditions } from '../../lib/conditional.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { isFallbackTag } from '../../oci/fallback-tag.ts'
import { buryOnError, buryUnlessTaken } from '../bytes/tombstones.ts'
import { applyChange, isForeignKeyError } from '../database/change.ts'
import type { Database } from '../database/database.ts'
import { sql, statements } from '../database/statement.ts'
import { type OutboxEvent, recordEvent } from '../events/outbox.ts'
import { keepEntries } from './fallback-entries.ts'
import type { StoredManifest } from './manifests.ts'
import { checkPreconditions, isPreconditionError, type Subject } from './preconditions.ts'
import { ensureRepository } from './repositories.ts'

/** A manifest of up to this many bytes is in its row. */
export const INLINE_MANIFEST_BYTES = 64 * 1024

/** References in one statement. Each takes 250 bytes at most. */
const ROWS_BOUND = 5000

/** A reference of a manifest, by its descriptor. */
export interface BlobReference {
  digest: Digest
  /** Bytes. */
  size: number
}

/** A reference with the media type of a manifest or an index. */
export interface ChildReference extends BlobReference {
  mediaType: string
}

export interface NewManifest extends StoredManifest {
  artifactType: string | null
  subject: Digest | null
  /** JSON text for the referrers list. */
  annotations: string | null
  blobs: readonly BlobReference[]
  /** Manifests of the repository. A blob of the repository may hold a manifest, too. */
  children: readonly ChildReference[]
  /** The entries of an OCI index, which a tag of the referrers tag schema keeps; otherwise []. */
  entries: readonly Descriptor[]
  tags: readonly string[]
  /** Whether tags of other manifests may move to this one. */
  mayMoveTags: boolean
  /** They apply to `path`. */
  preconditions: Preconditions
  path: Subject
  /** One for each tag. The id of the first is the operation's, which takes effect once. */
  events: readonly [OutboxEvent, ...OutboxEvent[]]
}

/**
 * `missing`: the repository does not have a referenced content of that size and type. `tag taken`: a tag has another manifest and may
 * not move. `buried`: the object with the content is buried and may be deleted at any moment.
 */
export type PutOutcome = 'stored' | 'missing' | 'tag taken' | 'buried' | 'precondition failed'

const SQL = statements('put-manifest', {
  // A manifest with a buried object gets no digest. The schema refuses that, so the whole batch fails.
  put: sql<
    [
      repository: string,
      digest: Digest,
      mediaType: string,
      artifactType: string | null,
      subject: Digest | null,
      annotations: string | null,
      size: number,
      payload: string | null,
      storageKey: string | null,
      now: number,
    ]
  >(`
    INSERT INTO manifests (repository_id, digest, media_type, artifact_type, subject_digest, annotations,
      size, payload, storage_key, created_at, pushed_at)
    SELECT id, iif(EXISTS (SELECT 1 FROM tombstones WHERE storage_key = ?9), NULL, ?2), ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10 FROM repositories WHERE name = ?1
    ON CONFLICT (repository_id, digest) DO UPDATE SET
      media_type = excluded.media_type, artifact_type = excluded.artifact_type,
      pushed_at = excluded.pushed_at`),
  // A blob that is missing or of another size gets no digest. The schema refuses that, so the whole batch fails. A blob of other
  // repositories only fails by the foreign key. OR IGNORE would skip a digest that is null.
  referToBlobs: sql<[repository: string, digest: Digest, blobs: string]>(`
    INSERT INTO manifest_blobs (repository_id, manifest_digest, blob_digest)
    SELECT repositories.id, ?2, CASE WHEN blobs.size = wanted.value ->> 1 THEN blobs.digest END
    FROM repositories JOIN json_each(?3) AS wanted
    LEFT JOIN blobs ON blobs.digest = wanted.value ->> 0
    WHERE repositories.name = ?1
    ON CONFLICT DO NOTHING`),
  referToChildren: sql<[repository: string, digest: Digest, children: string]>(`
    INSERT INTO manifest_children (repository_id, manifest_digest, child_digest)
    SELECT repositories.id, ?2, CASE WHEN child.size = wanted.value ->> 1
      AND child.media_type = wanted.value ->> 2 THEN child.digest END
    FROM repositories JOIN json_each(?3) AS wanted
    LEFT JOIN manifests AS child
      ON child.repository_id = repositories.id AND child.digest = wanted.value ->> 0
    WHERE repositories.name = ?1 AND (child.digest IS NOT NULL OR NOT EXISTS (
      SELECT 1 FROM repository_blobs WHERE repository_blobs.repository_id = repositories.id
        AND repository_blobs.digest = wanted.value ->> 0))
    ON CONFLICT DO NOTHING`),
  // Takes the children that the statement before leaves out: blobs of the repository that are not also its manifests. CROSS JOIN keeps
  // the order of the tables: a walk through all blobs of the repository for each child takes minutes.
  referToChildrenAsBlobs: sql<[repository: string, digest: Digest, children: string]>(`
    INSERT INTO manifest_blobs (repository_id, manifest_digest, blob_digest)
    SELECT repositories.id, ?2, CASE WHEN blobs.size = wanted.value ->> 1 THEN blobs.digest END
    FROM repositories CROSS JOIN json_each(?3) AS wanted
    CROSS JOIN repository_blobs ON repository_blobs.repository_id = repositories.id
      AND repository_blobs.digest = wanted.value ->> 0
    JOIN blobs ON blobs.digest = repository_blobs.digest
    WHERE repositories.name = ?1 AND NOT EXISTS (
      SELECT 1 FROM manifests WHERE manifests.repository_id = repositories.id
        AND manifests.digest = wanted.value ->> 0)
    ON CONFLICT DO NOTHING`),
  // Content that was pushed as a blob, and is referred to as one, becomes a manifest now: what refers to it protects both.
  becomeChild: sql<[repository: string, digest: Digest]>(`
    INSERT INTO manifest_children (repository_id, manifest_digest, child_digest)
    SELECT refers.repository_id, refers.manifest_digest, refers.blob_digest FROM repositories
    CROSS JOIN manifest_blobs AS refers
      ON refers.repository_id = repositories.id AND refers.blob_digest = ?2
    WHERE repositories.name = ?1
    ON CONFLICT DO NOTHING`),
  tag: sql<[repository: string, digest: Digest, tags: string, now: number]>(`
    INSERT INTO tags (repository_id, name, digest, updated_at)
    SELECT repositories.id, wanted.value, ?2, ?4 FROM repositories, json_each(?3) AS wanted
    WHERE repositories.name = ?1
    ON CONFLICT (repository_id, name) DO UPDATE SET
      digest = excluded.digest, updated_at = excluded.updated_at`),
  // A tag that would move gets no digest. The schema refuses that, so the whole batch fails.
  tagOnce: sql<[repository: string, digest: Digest, tags: string, now: number]>(`
    INSERT INTO tags (repository_id, name, digest, updated_at)
    SELECT repositories.id, wanted.value, ?2, ?4 FROM repositories, json_each(?3) AS wanted
    WHERE repositories.name = ?1
    ON CONFLICT (repository_id, name) DO UPDATE SET
      digest = CASE WHEN tags.digest = excluded.digest THEN tags.digest END`),
})

/**
 * Puts a manifest with its references and tags. Unless the outcome is `stored`, nothing is changed: the schema refuses. Then, and after
 * an error, the object with the content is buried unless a manifest has it.
 */
export async function putManifest(
  db: Database,
  repository: string,
  manifest: NewManifest,
): Promise<PutOutcome> {
  const now = Date.now()
  const { digest, content } = manifest
  const payload = 'payload' in content ? content.payload : null
  const storageKey = 'storageKey' in content ? content.storageKey : null
  const statements = [
    ...manifest.events.map((event) => recordEvent(db, event)),
    ...checkPreconditions(
      db,
      manifest.events[0],
      repository,
      manifest.path,
      manifest.preconditions,
    ),
    ensureRepository(db, repository, now),
    SQL.put(
      db,
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
    SQL.becomeChild(db, repository, digest),
  ]
  const blobs = manifest.blobs.map(({ digest, size }) => [digest, size])
  for (const list of asLists(blobs)) {
    statements.push(SQL.referToBlobs(db, repository, digest, list))
  }
  const children = manifest.children.map(({ digest, size, mediaType }) => [digest, size, mediaType])
  for (const list of asLists(children)) {
    for (const refer of [SQL.referToChildren, SQL.referToChildrenAsBlobs]) {
      statements.push(refer(db, repository, digest, list))
    }
  }
  if (manifest.tags.length > 0) {
    const tags = JSON.stringify(manifest.tags)
    const tag = manifest.mayMoveTags ? SQL.tag : SQL.tagOnce
    statements.push(tag(db, repository, digest, tags, now))
  }
  // No client sets several such tags. The entries of the others are read when they are listed.
  const fallback = manifest.tags.find(isFallbackTag)
  if (fallback !== undefined) {
    statements.push(...keepEntries(db, repository, fallback, digest, manifest.entries))
  }
  if (storageKey !== null) statements.push(buryUnlessTaken(db, storageKey, now))
  const apply = async (): Promise<PutOutcome> => {
    try {
      await applyChange(db, manifest.events[0].id, statements)
      return 'stored'
    } catch (error) {
      return outcomeOf(error)
    }
  }
  if (storageKey === null) return apply()
  const outcome = await buryOnError(db, storageKey, apply)
  if (outcome !== 'stored') await buryUnlessTaken(db, storageKey, now).run()
  return outcome
}

/** JSON arrays of a size that D1 takes: a bound value has 2 MB at most. */
function asLists(rows: readonly unknown[]): string[] {
  const lists: string[] = []
  for (let at = 0; at < rows.length; at += ROWS_BOUND) {
    lists.push(JSON.stringify(rows.slice(at, at + ROWS_BOUND)))
  }
  return lists
}

/** The reason why the schema refused the batch. Throws any other error again. */
function outcomeOf(error: unknown): PutOutcome {
  if (isForeignKeyError(error)) return 'missing'
  if (isPreconditionError(error)) return 'precondition failed'
  const [, column] = /NOT NULL constraint failed: (\w+\.\w+)/.exec(String(error)) ?? []
  if (column === 'manifests.digest') return 'buried'
  if (column === 'tags.digest') return 'tag taken'
  if (column === 'manifest_blobs.blob_digest') return 'missing'
  if (column === 'manifest_children.child_digest') return 'missing'
  throw error
}
