/**
 * Reads that a nearby replica may answer. Content with a digest never changes, so a replica's row is correct unless it was deleted
 * meanwhile.
 */
import type { Digest } from '../oci/digest.ts'
import type { Database } from '../store/database/database.ts'
import { isMarkedDeleted, markDeleted } from '../store/registry/deletion-marks.ts'
import { lasting, type RegistryContext } from './context.ts'

/** The key of the deletion mark of a blob or a manifest of the repository. */
export function digestKey({ repository }: RegistryContext, digest: Digest): string {
  return `${repository}@${digest}`
}

/** The key of the deletion mark of a repository that is deleted with its content. */
export function repositoryKey({ repository }: RegistryContext): string {
  return `${repository}/`
}

type Find<T> = (db: Database) => Promise<T | null>

/** Reads by digest from the nearest replica. If that finds nothing, or what was deleted, reads from the primary. */
export function readNearest<T>(
  context: RegistryContext,
  key: string,
  find: Find<T>,
): Promise<T | null> {
  return readNearestOf(context, () => [key], find)
}

/** The same for rows that are deleted under any of several keys, which are known only after the row is found. */
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
 * Marks `key` as deleted at this location, so that a lagging replica does not bring it back. Wait for the mark before answering: a
 * request that follows the answer must find it.
 */
export function noteDeleted(context: RegistryContext, key: string): Promise<void> {
  return lasting(context, markDeleted(key))
}
