/**
 * Reads that may be answered from nearby: what a digest names never changes, so that whatever a replica has of it is right, unless
 * it was deleted meanwhile.
 */
import type { Context } from 'hono'
import type { Digest } from '../oci/digest.ts'
import type { Database } from '../store/database.ts'
import { isMarkedDeleted, markDeleted } from '../store/deletion-marks.ts'
import { nearestDatabase } from '../store/nearest.ts'
import type { AppEnv } from './context.ts'
import { settled } from './settled.ts'

/** What a blob or a manifest of the repository is noted under when it is deleted. */
export function digestKey(repository: string, digest: Digest): string {
  return `${repository}@${digest}`
}

/** What a repository is noted under when it is deleted with everything in it. */
export function repositoryKey(repository: string): string {
  return `${repository}/`
}

type Find<T> = (db: Database) => Promise<T | null>

/** Reads by digest: from the nearest replica, and from the primary before it is said that there is nothing. */
export function readNearest<T>(c: Context<AppEnv>, key: string, find: Find<T>): Promise<T | null> {
  return readNearestOf(c, () => [key], find)
}

/** The same for what is deleted with any of several keys, which are known only when it is found. */
export async function readNearestOf<T>(
  c: Context<AppEnv>,
  keysOf: (found: T) => readonly string[],
  find: Find<T>,
): Promise<T | null> {
  const nearest = nearestDatabase(c.env.DB, c.get('usage'))
  const found = await find(nearest.db)
  if (nearest.isCurrent()) return found
  const keys = found === null ? [] : [...keysOf(found), repositoryKey(c.get('repository'))]
  if (found !== null && !(await isMarkedDeleted(keys))) return found
  return find(c.get('db'))
}

/**
 * Notes at this location that `key` is deleted, so that a replica that lags does not bring it back. Answer only when it is noted:
 * a request that follows the answer must find the mark.
 */
export function noteDeleted(c: Context<AppEnv>, key: string): Promise<void> {
  return settled(c, markDeleted(key))
}
