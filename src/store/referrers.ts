/** Referrers: the manifests whose subject is a given digest. OCI distribution spec, "Listing Referrers". */

import type { Digest } from '../oci/digest.ts'
import type { Database } from './database.ts'
import { type ContentRow, type ManifestContent, toContent } from './manifests.ts'

export interface Referrer {
  digest: Digest
  mediaType: string
  artifactType: string | null
  /** JSON text. */
  annotations: string | null
  /** Bytes. */
  size: number
}

/** A page ends before the annotations on it, which every client of the subject gets, take more characters than this. */
const PAGE_ANNOTATIONS = 2 * 1024 * 1024

export interface ReferrersPage {
  referrers: Referrer[]
  /** Whether the page ended early, because of its size: more follow, although there are fewer than asked for. */
  full: boolean
  /** The manifest under the tag of the referrers tag schema, where clients of older registries kept such a list. */
  fallback: ManifestContent | null
}

interface ReferrerRow {
  digest: Digest
  media_type: string
  artifact_type: string | null
  annotations: string | null
  size: number
  beyond: 0 | 1
}

/** One type has a statement of its own, so that an index leads to it past all others. */
const list = (filter: string) => `
    SELECT digest, media_type, artifact_type, size, before >= ?5 AS beyond,
      CASE WHEN before < ?5 THEN annotations END AS annotations
    FROM (
      SELECT *, sum(coalesce(length(annotations), 0)) OVER (ORDER BY digest)
        - coalesce(length(annotations), 0) AS before
      FROM (
        SELECT manifests.digest, manifests.media_type, manifests.artifact_type, manifests.annotations,
          manifests.size
        FROM repositories
        JOIN manifests ON manifests.repository_id = repositories.id
        WHERE repositories.name = ?1 AND manifests.subject_digest = ?2 AND manifests.digest > ?3
          ${filter}
        ORDER BY manifests.digest LIMIT ?4
      )
    )`

const SQL = {
  list: list(''),
  listOfType: list('AND manifests.artifact_type = ?6'),
  fallback: `
    SELECT manifests.payload, manifests.storage_key FROM repositories
    JOIN tags ON tags.repository_id = repositories.id
    JOIN manifests ON manifests.repository_id = tags.repository_id AND manifests.digest = tags.digest
    WHERE repositories.name = ?1 AND tags.name = ?2`,
} as const

export interface ReferrersQuery {
  subject: Digest
  fallbackTag: string
  /** Only those of this type; null for all. */
  artifactType: string | null
  /** Only those after this digest; '' for the first page. */
  last: string
  limit: number
}

/** One page in the order of digests, and the fallback tag's manifest, in one round trip. */
export async function listReferrers(
  db: Database,
  repository: string,
  { subject, fallbackTag, artifactType, last, limit }: ReferrersQuery,
): Promise<ReferrersPage> {
  const page = [repository, subject, last, limit, PAGE_ANNOTATIONS]
  const [listed, fallen] = await db.batch([
    artifactType === null
      ? db.prepare(SQL.list).bind(...page)
      : db.prepare(SQL.listOfType).bind(...page, artifactType),
    db.prepare(SQL.fallback).bind(repository, fallbackTag),
  ])
  const rows = (listed?.results ?? []) as ReferrerRow[]
  const within = rows.filter(({ beyond }) => beyond === 0)
  const [tagged] = (fallen?.results ?? []) as ContentRow[]
  return {
    referrers: within.map(({ media_type, artifact_type, digest, annotations, size }) => ({
      digest,
      mediaType: media_type,
      artifactType: artifact_type,
      annotations,
      size,
    })),
    full: within.length < rows.length,
    fallback: tagged ? toContent(tagged) : null,
  }
}
