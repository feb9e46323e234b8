/** Holders: the manifests of a repository that refer to a manifest or a blob and so keep it from being deleted. */
import type { Digest } from '../../oci/digest.ts'
import type { Database } from '../database/database.ts'
import { sql, statements } from '../database/statement.ts'

/** Holders that are reported at most, and tags of each. */
export const TOLD = 20

/** Steps of the search for tags above the holders. Who can push many indexes could make it take seconds. */
const STEPS = 1000

const holders = (table: string, column: string) => `
    WITH RECURSIVE
      holder (repository_id, digest) AS (
        SELECT refers.repository_id, refers.manifest_digest FROM repositories
        CROSS JOIN ${table} AS refers ON refers.repository_id = repositories.id
        WHERE repositories.name = ?1 AND refers.${column} = ?2 LIMIT ${TOLD}),
      walk (holder, repository_id, digest) AS MATERIALIZED (
        SELECT digest, repository_id, digest FROM holder
        UNION
        SELECT walk.holder, walk.repository_id, parent.manifest_digest FROM walk
        CROSS JOIN manifest_children AS parent
          ON parent.repository_id = walk.repository_id AND parent.child_digest = walk.digest
        LIMIT ${STEPS})
    SELECT holder.digest,
      (SELECT json_group_array(name) FROM (
        SELECT name FROM tags WHERE tags.repository_id = holder.repository_id
          AND tags.digest = holder.digest LIMIT ${TOLD})) AS tags,
      CASE
        WHEN EXISTS (SELECT 1 FROM walk CROSS JOIN tags ON tags.repository_id = walk.repository_id
          AND tags.digest = walk.digest WHERE walk.holder = holder.digest) THEN 1
        WHEN (SELECT count(*) FROM walk) < ${STEPS} THEN 0 END AS tagged
    FROM holder`

interface HolderRow {
  digest: Digest
  /** A JSON array. */
  tags: string
  tagged: 0 | 1 | null
}

const SQL = statements('holders', {
  ofManifest: sql<[repository: string, digest: Digest], HolderRow>(
    holders('manifest_children', 'child_digest'),
  ),
  ofBlob: sql<[repository: string, digest: Digest], HolderRow>(
    holders('manifest_blobs', 'blob_digest'),
  ),
  above: sql<
    [repository: string, digest: Digest, limit: number],
    { digest: Digest; tags: string }
  >(`
    WITH RECURSIVE walk (repository_id, digest) AS (
      SELECT id, ?2 FROM repositories WHERE name = ?1
      UNION
      SELECT walk.repository_id, parent.manifest_digest FROM walk
      CROSS JOIN manifest_children AS parent
        ON parent.repository_id = walk.repository_id AND parent.child_digest = walk.digest
      LIMIT ?3)
    SELECT digest, (SELECT json_group_array(name) FROM (
      SELECT name FROM tags WHERE tags.repository_id = walk.repository_id
        AND tags.digest = walk.digest LIMIT ${TOLD})) AS tags
    FROM walk WHERE digest <> ?2`),
})

export interface Holder {
  digest: Digest
  /** Up to 20 of its own tags. */
  tags: string[]
  /** Whether it has a tag, or an index above it has one; null if too many indexes are above it to tell. */
  tagged: boolean | null
}

/** Up to 20 manifests of the repository that refer to the manifest or the blob. */
export async function findHolders(
  db: Database,
  repository: string,
  kind: 'manifest' | 'blob',
  digest: Digest,
): Promise<Holder[]> {
  const find = kind === 'manifest' ? SQL.ofManifest : SQL.ofBlob
  const { results } = await find(db, repository, digest).all()
  return results.map(({ digest, tags, tagged }) => ({
    digest,
    tags: JSON.parse(tags),
    tagged: tagged === null ? null : tagged === 1,
  }))
}

/** Up to `limit` indexes that refer to a manifest, directly or through other indexes. */
export async function findAbove(
  db: Database,
  repository: string,
  digest: Digest,
  limit: number,
): Promise<Pick<Holder, 'digest' | 'tags'>[]> {
  const { results } = await SQL.above(db, repository, digest, limit + 1).all()
  return results.map(({ digest, tags }) => ({ digest, tags: JSON.parse(tags) }))
}
