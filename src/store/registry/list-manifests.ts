/** The list of all manifests of a repository, with or without tags. */
import type { Digest } from '../../oci/digest.ts'
import type { Database } from '../database/database.ts'
import { sql, statements } from '../database/statement.ts'

/** Tags that are listed of each manifest at most. */
export const TAGS_LISTED = 20

const SQL = statements('list-manifests', {
  list: sql<[repository: string, last: string, limit: number], Row>(`
    SELECT manifests.digest, manifests.media_type, manifests.artifact_type, manifests.subject_digest,
      manifests.size, manifests.pushed_at,
      (SELECT json_group_array(name) FROM (
        SELECT name FROM tags WHERE tags.repository_id = manifests.repository_id
          AND tags.digest = manifests.digest LIMIT ${TAGS_LISTED})) AS tags
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
  /** The time of the last push, in milliseconds since the epoch. */
  pushedAt: number
  /** Up to 20. */
  tags: string[]
}

interface Row {
  digest: Digest
  media_type: string
  artifact_type: string | null
  subject_digest: Digest | null
  size: number
  pushed_at: number
  tags: string
}

/** Up to `limit` manifests in the order of digests, after the digest `last` ('' for the beginning). */
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
  }))
}
