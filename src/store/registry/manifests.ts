/** Finding and removing manifests. One query finds a manifest by its digest or by a tag. put-manifest.ts puts them. */

import { NO_PRECONDITIONS, type Preconditions } from '../../lib/conditional.ts'
import type { Digest } from '../../oci/digest.ts'
import { TOMBSTONE_GRACE_MS } from '../bytes/tombstones.ts'
import { applyChange, isForeignKeyError } from '../database/change.ts'
import type { Database } from '../database/database.ts'
import { type Query, sql, statements } from '../database/statement.ts'
import { type OutboxEvent, recordEventIf, recordTagEvents } from '../events/outbox.ts'
import { checkPreconditions, isPreconditionError } from './preconditions.ts'

/** The bytes of a manifest: text in the row, or an object of the blob store. */
export type ManifestContent = { payload: string } | { storageKey: string }

export interface StoredManifest {
  digest: Digest
  mediaType: string
  /** Bytes. */
  size: number
  content: ManifestContent
}

/** The columns of the content. The schema lets exactly one of them be null. */
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

const SQL = statements('manifests', {
  findByDigest: sql<[repository: string, digest: Digest], ManifestRow>(`
    SELECT ${COLUMNS} FROM repositories
    JOIN manifests ON manifests.repository_id = repositories.id
    WHERE repositories.name = ?1 AND manifests.digest = ?2`),
  findByTag: sql<[repository: string, tag: string], ManifestRow>(`
    SELECT ${COLUMNS} FROM repositories
    JOIN tags ON tags.repository_id = repositories.id
    JOIN manifests ON manifests.repository_id = tags.repository_id AND manifests.digest = tags.digest
    WHERE repositories.name = ?1 AND tags.name = ?2`),
  bury: sql<[repository: string, digest: Digest, deleteAfter: number]>(`
    INSERT OR IGNORE INTO tombstones (storage_key, delete_after)
    SELECT manifests.storage_key, ?3 FROM repositories
    JOIN manifests ON manifests.repository_id = repositories.id
    WHERE repositories.name = ?1 AND manifests.digest = ?2 AND manifests.storage_key IS NOT NULL`),
  remove: sql<[repository: string, digest: Digest]>(`
    DELETE FROM manifests
    WHERE repository_id = (SELECT id FROM repositories WHERE name = ?1) AND digest = ?2`),
})

export async function findManifestByDigest(
  db: Database,
  repository: string,
  digest: Digest,
): Promise<StoredManifest | null> {
  return fromRow(await SQL.findByDigest(db, repository, digest).first())
}

export async function findManifestByTag(
  db: Database,
  repository: string,
  tag: string,
): Promise<StoredManifest | null> {
  return fromRow(await SQL.findByTag(db, repository, tag).first())
}

export type RemoveOutcome = 'deleted' | 'unknown' | 'in use' | 'precondition failed'

/**
 * Removes a manifest and its tags. Each tag has an event of its own.
 * @returns 'in use', with nothing changed, if an index of the repository refers to it: the schema refuses
 */
export async function removeManifest(
  db: Database,
  repository: string,
  digest: Digest,
  event: OutboxEvent,
  preconditions: Preconditions = NO_PRECONDITIONS,
): Promise<RemoveOutcome> {
  const { checks, changes } = removalOf(db, repository, digest, event, preconditions)
  try {
    const outcome = await applyChange(db, event.id, [...checks, ...changes])
    return outcome === 'nothing' ? 'unknown' : 'deleted'
  } catch (error) {
    if (isForeignKeyError(error)) return 'in use'
    if (isPreconditionError(error)) return 'precondition failed'
    throw error
  }
}

/** The statements of a removal: `checks` record its event and check the preconditions, `changes` remove. */
export function removalOf(
  db: Database,
  repository: string,
  digest: Digest,
  event: OutboxEvent,
  preconditions: Preconditions,
): { checks: Query<never>[]; changes: Query<never>[] } {
  return {
    checks: [
      recordEventIf(db, event, { repository, manifest: digest }),
      ...checkPreconditions(db, event, repository, { digest }, preconditions),
    ],
    changes: [
      recordTagEvents(db, event, digest),
      SQL.bury(db, repository, digest, Date.now() + TOMBSTONE_GRACE_MS),
      SQL.remove(db, repository, digest),
    ],
  }
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
