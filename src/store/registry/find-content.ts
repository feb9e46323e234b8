/** Looks up the digests that a manifest refers to. */
import type { Digest } from '../../oci/digest.ts'
import type { Database } from '../database/database.ts'
import { sql, statements } from '../database/statement.ts'

const SQL = statements('find-content', {
  find: sql<[repository: string, digests: string], ContentFacts>(`
    SELECT wanted.value AS digest, blobs.size AS blob_size, manifests.size AS manifest_size,
      manifests.media_type
    FROM json_each(?2) AS wanted
    JOIN repositories ON repositories.name = ?1
    LEFT JOIN repository_blobs ON repository_blobs.repository_id = repositories.id
      AND repository_blobs.digest = wanted.value
    LEFT JOIN blobs ON blobs.digest = repository_blobs.digest
    LEFT JOIN manifests ON manifests.repository_id = repositories.id
      AND manifests.digest = wanted.value
    WHERE blobs.size IS NOT NULL OR manifests.size IS NOT NULL`),
})

/** The content of a repository with one digest: a blob, a manifest, or both. */
export interface Content {
  /** Bytes; null if there is no such blob. */
  blobSize: number | null
  manifest: { size: number; mediaType: string } | null
}

/** The content of the repository with these digests. Digests without content are missing from the map. */
export async function findContent(
  db: Database,
  repository: string,
  digests: readonly Digest[],
): Promise<Map<string, Content>> {
  const { results } = await SQL.find(db, repository, JSON.stringify(digests)).all()
  return new Map(
    results.map(({ digest, blob_size, manifest_size, media_type }) => {
      const isManifest = manifest_size !== null && media_type !== null
      const manifest = isManifest ? { size: manifest_size, mediaType: media_type } : null
      return [digest, { blobSize: blob_size, manifest }]
    }),
  )
}

interface ContentFacts {
  digest: string
  blob_size: number | null
  manifest_size: number | null
  media_type: string | null
}
