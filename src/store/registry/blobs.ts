/**
 * Blobs: which repositories may serve a blob, and where its bytes are. A blob is stored once for all repositories. A repository has it
 * by a link. Each function takes one round trip.
 */

import type { RepositoryPattern } from '../../lib/repository-pattern.ts'
import type { Digest } from '../../oci/digest.ts'
import { buryUnlessTaken, TOMBSTONE_GRACE_MS } from '../bytes/tombstones.ts'
import { applyChange, isForeignKeyError } from '../database/change.ts'
import type { Database } from '../database/database.ts'
import { sql, statements } from '../database/statement.ts'
import { type OutboxEvent, recordEvent, recordEventIf } from '../events/outbox.ts'
import { ensureRepository } from './repositories.ts'
import { spansJson } from './visible-repositories.ts'

export interface StoredBlob {
  digest: Digest
  /** Bytes. */
  size: number
  storageKey: string
}

const SQL = statements('blobs', {
  find: sql<[repository: string, digest: Digest], { size: number; storage_key: string }>(`
    SELECT blobs.size, blobs.storage_key
    FROM repositories
    JOIN repository_blobs ON repository_blobs.repository_id = repositories.id
    JOIN blobs ON blobs.digest = repository_blobs.digest
    WHERE repositories.name = ?1 AND repository_blobs.digest = ?2`),
  insert: sql<[digest: Digest, size: number, storageKey: string, now: number]>(`
    INSERT INTO blobs (digest, size, storage_key, created_at)
    SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (SELECT 1 FROM tombstones WHERE storage_key = ?3)
    ON CONFLICT (digest) DO NOTHING`),
  link: sql<[repository: string, digest: Digest, now: number]>(`
    INSERT INTO repository_blobs (repository_id, digest, linked_at)
    SELECT id, ?2, ?3 FROM repositories WHERE name = ?1
    ON CONFLICT DO UPDATE SET linked_at = excluded.linked_at`),
  // ?2 is of spansJson. The statement checks every holder against the caller's rights before LIMIT cuts the list.
  holder: sql<[digest: Digest, spans: string], { name: string }>(`
    SELECT repositories.name FROM repository_blobs
    JOIN repositories ON repositories.id = repository_blobs.repository_id
    WHERE repository_blobs.digest = ?1 AND EXISTS (
      SELECT 1 FROM json_each(?2) AS span
      WHERE repositories.name >= json_extract(span.value, '$[0]')
        AND repositories.name < json_extract(span.value, '$[1]')
        AND ifnull(
          instr(substr(repositories.name, json_extract(span.value, '$[2]') + 1), '/'), 0) = 0)
    LIMIT 1`),
  mountTarget: sql<[repository: string, digest: Digest, from: string, now: number]>(`
    INSERT INTO repositories (name, created_at)
    SELECT ?1, ?4 FROM repository_blobs
    JOIN repositories AS source ON source.id = repository_blobs.repository_id
    WHERE repository_blobs.digest = ?2 AND source.name = ?3
    ON CONFLICT (name) DO NOTHING`),
  mount: sql<[repository: string, digest: Digest, from: string, now: number]>(`
    INSERT INTO repository_blobs (repository_id, digest, linked_at)
    SELECT target.id, repository_blobs.digest, ?4
    FROM repository_blobs
    JOIN repositories AS source ON source.id = repository_blobs.repository_id
    JOIN repositories AS target ON target.name = ?1
    WHERE repository_blobs.digest = ?2 AND source.name = ?3
    ON CONFLICT DO UPDATE SET linked_at = excluded.linked_at`),
  unlink: sql<[repository: string, digest: Digest]>(`
    DELETE FROM repository_blobs
    WHERE repository_id = (SELECT id FROM repositories WHERE name = ?1) AND digest = ?2`),
  buryUnlinked: sql<[digest: Digest, deleteAfter: number]>(`
    INSERT OR IGNORE INTO tombstones (storage_key, delete_after)
    SELECT storage_key, ?2 FROM blobs
    WHERE digest = ?1 AND NOT EXISTS (SELECT 1 FROM repository_blobs WHERE digest = ?1)`),
  dropUnlinked: sql<[digest: Digest]>(`
    DELETE FROM blobs
    WHERE digest = ?1 AND NOT EXISTS (SELECT 1 FROM repository_blobs WHERE digest = ?1)`),
})

/** The blob, if `repository` has a link to it. */
export async function findBlob(
  db: Database,
  repository: string,
  digest: Digest,
): Promise<StoredBlob | null> {
  const row = await SQL.find(db, repository, digest).first()
  return row && { digest, size: row.size, storageKey: row.storage_key }
}

/**
 * Makes verified bytes visible in `repository`. If the registry has the same content already, that object stays and the new bytes are
 * buried. The id of `event` is the operation's, which takes effect once.
 * @returns `repeated`: the operation was done before, with these bytes or others. They are buried unless the blob has them.
 * `buried`: nothing is changed, because the bytes are buried and may be deleted at any moment.
 */
export async function commitBlob(
  db: Database,
  repository: string,
  blob: StoredBlob,
  event: OutboxEvent,
): Promise<'committed' | 'repeated' | 'buried'> {
  const now = Date.now()
  try {
    const outcome = await applyChange(db, event.id, [
      recordEvent(db, event),
      ensureRepository(db, repository, now),
      SQL.insert(db, blob.digest, blob.size, blob.storageKey, now),
      SQL.link(db, repository, blob.digest, now),
      buryUnlessTaken(db, blob.storageKey, now),
    ])
    if (outcome !== 'repeated') return 'committed'
    await buryUnlessTaken(db, blob.storageKey, now).run()
    return 'repeated'
  } catch (error) {
    if (isForeignKeyError(error)) return 'buried'
    throw error
  }
}

/** A repository that has the blob and matches one of the `patterns`; null if there is none. */
export async function repositoryWithBlob(
  db: Database,
  digest: Digest,
  patterns: readonly RepositoryPattern[],
): Promise<string | null> {
  const statement = SQL.holder(db, digest, spansJson(patterns))
  return (await statement.first())?.name ?? null
}

/**
 * Links a blob of the repository `from` into `repository`.
 * @returns false, with nothing changed, if `from` does not have the blob
 */
export async function mountBlob(
  db: Database,
  repository: string,
  digest: Digest,
  from: string,
  event: OutboxEvent,
): Promise<boolean> {
  const now = Date.now()
  const outcome = await applyChange(db, event.id, [
    recordEventIf(db, event, { repository: from, blob: digest }),
    SQL.mountTarget(db, repository, digest, from, now),
    SQL.mount(db, repository, digest, from, now),
  ])
  return outcome !== 'nothing'
}

/**
 * Removes a blob from `repository`. Its bytes are buried if no other repository has it.
 * @returns 'in use', with nothing changed, if a manifest of the repository refers to it: the schema refuses
 */
export async function unlinkBlob(
  db: Database,
  repository: string,
  digest: Digest,
  event: OutboxEvent,
): Promise<'deleted' | 'unknown' | 'in use'> {
  try {
    const outcome = await applyChange(db, event.id, [
      recordEventIf(db, event, { repository, blob: digest }),
      SQL.unlink(db, repository, digest),
      SQL.buryUnlinked(db, digest, Date.now() + TOMBSTONE_GRACE_MS),
      SQL.dropUnlinked(db, digest),
    ])
    return outcome === 'nothing' ? 'unknown' : 'deleted'
  } catch (error) {
    if (isForeignKeyError(error)) return 'in use'
    throw error
  }
}
