/**
 * Blobs: which repository may serve which content, and where its bytes lie. An object is stored once for all repositories;
 * a repository has it by a link. One function, one round trip.
 */

import type { RepositoryPattern } from '../../lib/repository-pattern.ts'
import type { Digest } from '../../oci/digest.ts'
import { buryUnlessTaken, TOMBSTONE_GRACE_MS } from '../bytes/tombstones.ts'
import { applyChange, isForeignKeyError } from '../database/change.ts'
import type { Database } from '../database/database.ts'
import { type OutboxEvent, recordEvent, recordEventIf } from '../events/outbox.ts'
import { ensureRepository } from './repositories.ts'
import { spansJson } from './visible-repositories.ts'

export interface StoredBlob {
  digest: Digest
  /** Bytes. */
  size: number
  storageKey: string
}

const SQL = {
  find: `
    SELECT blobs.size, blobs.storage_key
    FROM repositories
    JOIN repository_blobs ON repository_blobs.repository_id = repositories.id
    JOIN blobs ON blobs.digest = repository_blobs.digest
    WHERE repositories.name = ?1 AND repository_blobs.digest = ?2`,
  insert: `
    INSERT INTO blobs (digest, size, storage_key, created_at)
    SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (SELECT 1 FROM tombstones WHERE storage_key = ?3)
    ON CONFLICT (digest) DO NOTHING`,
  link: `
    INSERT INTO repository_blobs (repository_id, digest, linked_at)
    SELECT id, ?2, ?3 FROM repositories WHERE name = ?1
    ON CONFLICT DO UPDATE SET linked_at = excluded.linked_at`,
  // ?2 is of spansJson: the caller's rights are asked of each holder, before any is left out.
  holder: `
    SELECT repositories.name FROM repository_blobs
    JOIN repositories ON repositories.id = repository_blobs.repository_id
    WHERE repository_blobs.digest = ?1 AND EXISTS (
      SELECT 1 FROM json_each(?2) AS span
      WHERE repositories.name >= json_extract(span.value, '$[0]')
        AND repositories.name < json_extract(span.value, '$[1]')
        AND ifnull(
          instr(substr(repositories.name, json_extract(span.value, '$[2]') + 1), '/'), 0) = 0)
    LIMIT 1`,
  mountTarget: `
    INSERT INTO repositories (name, created_at)
    SELECT ?1, ?4 FROM repository_blobs
    JOIN repositories AS source ON source.id = repository_blobs.repository_id
    WHERE repository_blobs.digest = ?2 AND source.name = ?3
    ON CONFLICT (name) DO NOTHING`,
  mount: `
    INSERT INTO repository_blobs (repository_id, digest, linked_at)
    SELECT target.id, repository_blobs.digest, ?4
    FROM repository_blobs
    JOIN repositories AS source ON source.id = repository_blobs.repository_id
    JOIN repositories AS target ON target.name = ?1
    WHERE repository_blobs.digest = ?2 AND source.name = ?3
    ON CONFLICT DO UPDATE SET linked_at = excluded.linked_at`,
  unlink: `
    DELETE FROM repository_blobs
    WHERE repository_id = (SELECT id FROM repositories WHERE name = ?1) AND digest = ?2`,
  buryUnlinked: `
    INSERT OR IGNORE INTO tombstones (storage_key, delete_after)
    SELECT storage_key, ?2 FROM blobs
    WHERE digest = ?1 AND NOT EXISTS (SELECT 1 FROM repository_blobs WHERE digest = ?1)`,
  dropUnlinked: `
    DELETE FROM blobs
    WHERE digest = ?1 AND NOT EXISTS (SELECT 1 FROM repository_blobs WHERE digest = ?1)`,
} as const

/** The blob, where `repository` has a link to it. */
export async function findBlob(
  db: Database,
  repository: string,
  digest: Digest,
): Promise<StoredBlob | null> {
  const row = await db
    .prepare(SQL.find)
    .bind(repository, digest)
    .first<{ size: number; storage_key: string }>()
  return row && { digest, size: row.size, storageKey: row.storage_key }
}

/**
 * Makes verified bytes visible in `repository`. Where the registry holds the same content already, that object stays and the
 * new bytes are buried. `event` tells of it; its id is the operation's, which is done once.
 * @returns `repeated`: the operation was done before, by these bytes or by others, and these are buried unless the blob has them.
 * `buried`: nothing is changed, as the bytes are buried and may go any moment.
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
      db.prepare(SQL.insert).bind(blob.digest, blob.size, blob.storageKey, now),
      db.prepare(SQL.link).bind(repository, blob.digest, now),
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

/** A repository of any of the `patterns` that has the blob; null where there is none. */
export async function repositoryWithBlob(
  db: Database,
  digest: Digest,
  patterns: readonly RepositoryPattern[],
): Promise<string | null> {
  const statement = db.prepare(SQL.holder).bind(digest, spansJson(patterns))
  return (await statement.first<{ name: string }>())?.name ?? null
}

/**
 * Links a blob of the repository `from` into `repository`.
 * @returns false where there is no such blob; then nothing is changed
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
    db.prepare(SQL.mountTarget).bind(repository, digest, from, now),
    db.prepare(SQL.mount).bind(repository, digest, from, now),
  ])
  return outcome !== 'nothing'
}

/**
 * Takes a blob out of `repository`; the bytes follow when no repository has them any more.
 * @returns 'in use' where a manifest of the repository refers to it: the schema refuses, and nothing is changed
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
      db.prepare(SQL.unlink).bind(repository, digest),
      db.prepare(SQL.buryUnlinked).bind(digest, Date.now() + TOMBSTONE_GRACE_MS),
      db.prepare(SQL.dropUnlinked).bind(digest),
    ])
    return outcome === 'nothing' ? 'unknown' : 'deleted'
  } catch (error) {
    if (isForeignKeyError(error)) return 'in use'
    throw error
  }
}
