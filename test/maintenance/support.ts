/** What the tests of the sweeps share: registries on one bucket, and stores and databases of which something fails. */
import { env } from 'cloudflare:workers'
import { dayPrefix } from '../../src/store/bytes/blob-store.ts'
import { R2BlobStore } from '../../src/store/bytes/r2-blob-store.ts'
import type { Database } from '../../src/store/database/database.ts'

export const store = new R2BlobStore(env.BUCKET)

export const HOUR_MS = 60 * 60 * 1000
export const DAY_MS = 24 * HOUR_MS

/** Today's beginning, in UTC: R2 says of what a test writes that it was uploaded today. */
export const TODAY = Date.now() - (Date.now() % DAY_MS)

export function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10)
}

export function keyOf(registryId: string, kind: 'blobs' | 'manifests', day = TODAY): string {
  return dayPrefix(registryId, kind, dayOf(day)) + crypto.randomUUID()
}

/** Writes an object under a key that no row names. */
export async function writeOrphan(registryId: string, day = TODAY): Promise<string> {
  const key = keyOf(registryId, 'blobs', day)
  await env.BUCKET.put(key, 'bytes')
  return key
}

export interface RegistryRow {
  id: string
  since: number
  epoch: number
  epoch_mark: string
}

export async function registryRow(db: Database): Promise<RegistryRow> {
  const row = await db
    .prepare('SELECT id, since, epoch, epoch_mark FROM registry')
    .first<RegistryRow>()
  if (row === null) throw new Error('no registry')
  return row
}

/** Puts the database's registry into a state that it, or another one, had. */
export async function setRegistry(db: Database, row: RegistryRow): Promise<void> {
  await db
    .prepare('UPDATE registry SET id = ?1, since = ?2, epoch = ?3, epoch_mark = ?4')
    .bind(row.id, row.since, row.epoch, row.epoch_mark)
    .run()
}

/** A registry without a history, whose sweep begins on the day `since`. */
export async function newRegistry(db: Database, since = TODAY): Promise<string> {
  const id = crypto.randomUUID().replaceAll('-', '').slice(0, 16)
  await setRegistry(db, { id, since, epoch: 0, epoch_mark: '' })
  await db
    .prepare(
      `UPDATE orphan_sweep SET run_date = ?1, look = 0, last_key = '', seen = 0, orphans = 0,
        stopped_at = NULL, allowed_day = NULL`,
    )
    .bind(dayOf(since))
    .run()
  return id
}

/** `target`, with some methods replaced. */
export function withMethods<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      const replaced: unknown = Reflect.get(methods, name)
      const member: unknown = replaced ?? Reflect.get(target, name)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}
