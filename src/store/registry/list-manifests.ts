/** The list of all manifests of a repository, those without a tag, too. */
import type { Digest } from '../../oci/digest.ts'
import type { Database } from '../database/database.ts'
import { sql, statements } from '../database/statement.ts'

/** Tags told of each manifest at most. */
export const TAGS_LISTED = 20

/** To see whether a tag leads to a manifest, so many manifests are looked at, itself and those above it: a page stays bounded. */
const LOOKED_AT = 50

const SQL = statements('list-manifests', {
  list: sql<[repository: string, last: string, limit: number], Row>(`
    SELECT manifests.digest, manifests.media_type, manifests.artifact_type, manifests.subject_digest,
      manifests.size, manifests.pushed_at,
      (SELECT json_group_array(name) FROM (
        SELECT name FROM tags WHERE tags.repository_id = manifests.repository_id
          AND tags.digest = manifests.digest LIMIT ${TAGS_LISTED})) AS tags,
      (WITH RECURSIVE walk (digest) AS (
          SELECT manifests.digest
          UNION
          SELECT parent.manifest_digest FROM walk
          CROSS JOIN manifest_children AS parent
            ON parent.repository_id = manifests.repository_id AND parent.child_digest = walk.digest
          LIMIT ${LOOKED_AT})
        SELECT CASE
          WHEN max(EXISTS (SELECT 1 FROM tags WHERE tags.repository_id = manifests.repository_id
            AND tags.digest = walk.digest)) THEN 1
          WHEN count(*) < ${LOOKED_AT} THEN 0 END
        FROM walk) AS tagged
    FROM repositories
    JOIN manifests ON manifests.repository_id = repositories.id
    WHERE repositories.name = ?1 AND manifests.digest > ?2
    ORDER BY manifests.digest LIMIT ?3`),
})

export interface ListedManifest {
  digest: Digest
  mediaType: string
  artifactType: string | null
  subject: Digest | null
  /** Bytes. */
  size: number
  /** Milliseconds since the epoch, of the last push. */
  pushedAt: number
  /** Up to 20. */
  tags: string[]
  /** Whether a tag leads to it, its own or that of an index above it; null where so many are above it that it was not found out. */
  tagged: boolean | null
}

interface Row {
  digest: Digest
  media_type: string
  artifact_type: string | null
  subject_digest: Digest | null
  size: number
  pushed_at: number
  tags: string
  tagged: 0 | 1 | null
}

/** Up to `limit` manifests in the order of digests, after the digest `last` ('' begins at the first). */
export async function listManifests(
  db: Database,
  repository: string,
  last: string,
  limit: number,
): Promise<ListedManifest[]> {
  const { results } = await SQL.list(db, repository, last, limit).all()
  return results.map((row) => ({
    digest: row.digest,
    mediaType: row.media_type,
    artifactType: row.artifact_type,
    subject: row.subject_digest,
    size: row.size,
    pushedAt: row.pushed_at,
    tags: JSON.parse(row.tags),
    tagged: row.tagged === null ? null : row.tagged === 1,
  }))
}
