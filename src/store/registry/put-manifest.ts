/**
 * Putting a manifest: with its references and tags, in one transaction. Up to 64 KiB the bytes stand in the row itself; larger
 * ones lie in the blob store.
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

/** A manifest up to so many bytes stands in its row. */
export const INLINE_MANIFEST_BYTES = 64 * 1024

/** References in one statement, each of 250 bytes at most. */
const ROWS_BOUND = 5000

/** What a manifest refers to, as its descriptor describes it. */
export interface Reference {
  digest: Digest
  /** Bytes. */
  size: number
}

/** A reference whose media type is that of a manifest or an index. */
export interface ManifestReference extends Reference {
  mediaType: string
}

export interface NewManifest extends StoredManifest {
  artifactType: string | null
  subject: Digest | null
  /** JSON text, kept for the referrers list. */
  annotations: string | null
  blobs: readonly Reference[]
  /** Manifests of the repository; what is none there may be a blob that holds one. */
  children: readonly ManifestReference[]
  /** Of an OCI index; [] for anything else. A tag of the referrers tag schema keeps them. */
  entries: readonly Descriptor[]
  tags: readonly string[]
  /** Whether tags that name another manifest may be moved to this one. */
  mayMoveTags: boolean
  /** What must be true of `path`, which the request names. */
  preconditions: Preconditions
  path: Subject
  /** What tells of it, one for each tag. The first one's id is the operation's, which is done once. */
  events: readonly [OutboxEvent, ...OutboxEvent[]]
}

/**
 * `missing`: something that it refers to is not in the repository, or not of that size and type. `tag taken`: a tag names another manifest and
 * may not move. `buried`: the object with the content is buried and may go any moment.
 */
export type PutOutcome = 'stored' | 'missing' | 'tag taken' | 'buried' | 'precondition failed'

const SQL = statements('put-manifest', {
  // A manifest whose object is buried gets no digest, which the schema refuses: the whole batch fails.
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
  // What is not there, or not of that size, gets no digest, which the schema refuses: the whole batch fails. So it does, by the
  // foreign key, for a blob that is in other repositories only. OR IGNORE would pass over a digest that is null.
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
  // Those that are no manifests of the repository, and blobs of it: the rest of what the statement before takes. CROSS JOIN keeps the
  // order: to go through all blobs of the repository for each entry takes minutes.
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
  tag: sql<[repository: string, digest: Digest, tags: string, now: number]>(`
    INSERT INTO tags (repository_id, name, digest, updated_at)
    SELECT repositories.id, wanted.value, ?2, ?4 FROM repositories, json_each(?3) AS wanted
    WHERE repositories.name = ?1
    ON CONFLICT (repository_id, name) DO UPDATE SET
      digest = excluded.digest, updated_at = excluded.updated_at`),
  // A tag that would move gets no digest, which the schema refuses: the whole batch fails.
  tagOnce: sql<[repository: string, digest: Digest, tags: string, now: number]>(`
    INSERT INTO tags (repository_id, name, digest, updated_at)
    SELECT repositories.id, wanted.value, ?2, ?4 FROM repositories, json_each(?3) AS wanted
    WHERE repositories.name = ?1
    ON CONFLICT (repository_id, name) DO UPDATE SET
      digest = CASE WHEN tags.digest = excluded.digest THEN tags.digest END`),
})

/**
 * Puts a manifest with its references and tags. Where it is not `stored`, nothing is changed, as the schema refuses. An object that
 * holds the content is buried then, and where an error is thrown, unless the manifest has it after all.
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
  // Of several such tags, which no client sets, the others are read when they are asked for.
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
      return refusal(error)
    }
  }
  if (storageKey === null) return apply()
  const outcome = await buryOnError(db, storageKey, apply)
  if (outcome !== 'stored') await buryUnlessTaken(db, storageKey, now).run()
  return outcome
}

/** As JSON, in lists that D1 takes: a value that is bound to a statement has 2 MB at most. */
function asLists(rows: readonly unknown[]): string[] {
  const lists: string[] = []
  for (let at = 0; at < rows.length; at += ROWS_BOUND) {
    lists.push(JSON.stringify(rows.slice(at, at + ROWS_BOUND)))
  }
  return lists
}

/** Why the schema refused the batch; any other error is thrown again. */
function refusal(error: unknown): PutOutcome {
  if (isForeignKeyError(error)) return 'missing'
  if (isPreconditionError(error)) return 'precondition failed'
  const [, column] = /NOT NULL constraint failed: (\w+\.\w+)/.exec(String(error)) ?? []
  if (column === 'manifests.digest') return 'buried'
  if (column === 'tags.digest') return 'tag taken'
  if (column === 'manifest_blobs.blob_digest') return 'missing'
  if (column === 'manifest_children.child_digest') return 'missing'
  throw error
}
