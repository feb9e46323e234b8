/**
 * Reads that may be answered from nearby: what a digest names never changes, so whatever a replica has of it is right, unless it was
 * deleted meanwhile.
 */
import type { Digest } from '../oci/digest.ts'
import type { Database } from '../store/database.ts'
import { isMarkedDeleted, markDeleted } from '../store/deletion-marks.ts'
import { lasting, type RegistryContext } from './context.ts'

/** What a blob or a manifest of the repository is marked under when it is deleted. */
export function digestKey({ repository }: RegistryContext, digest: Digest): string {
  return `${repository}@${digest}`
}

/** What a repository is marked under when it is deleted with everything in it. */
export function repositoryKey({ repository }: RegistryContext): string {
  return `${repository}/`
}

type Find<T> = (db: Database) => Promise<T | null>

/** Reads by digest: from the nearest replica, and from the primary before it is said that there is nothing. */
export function readNearest<T>(
  context: RegistryContext,
  key: string,
  find: Find<T>,
): Promise<T | null> {
  return readNearestOf(context, () => [key], find)
}

/** The same for what is deleted with any of several keys, which are known only when it is found. */
export async function readNearestOf<T>(
  context: RegistryContext,
  keysOf: (found: T) => readonly string[],
  find: Find<T>,
): Promise<T | null> {
  const { databases, repository } = context
  const nearest = databases.nearest(repository)
  const found = await find(nearest.db)
  if (nearest.isCurrent()) return found
  const keys = found === null ? [] : [...keysOf(found), repositoryKey(context)]
  if (found !== null && !(await isMarkedDeleted(keys))) return found
  return find(databases.of(repository))
}

/**
 * Marks `key` as deleted at this location, so that a replica that lags does not bring it back. Answer only when it is marked: a
 * request that follows the answer must find the mark.
 */
export function noteDeleted(context: RegistryContext, key: string): Promise<void> {
  return lasting(context, markDeleted(key))
}
