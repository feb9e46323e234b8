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

/** A page ends before the annotations on it, which every client of the subject gets, take more bytes than this. */
const PAGE_ANNOTATIONS_BYTES = 2 * 1024 * 1024

export interface ReferrersPage {
  referrers: Referrer[]
  /** Whether the page ended early, because of its size: more follow, although there are fewer than asked for. */
  full: boolean
  /** The manifest under the tag of the referrers tag schema, where clients of older registries kept such a list. */
  fallback: ManifestContent | null
}

/** What stands beyond the end of the page has its digest alone. */
interface ReferrerRow {
  digest: Digest
  media_type: string | null
  artifact_type: string | null
  annotations: string | null
  size: number | null
}

/**
 * One type has a statement of its own, so that an index leads to it past all others. The end of the page is found without a look
 * into annotations: octet_length reads the row's header. Else a list of 1,000 referrers would read 256 MB, and all other queries wait.
 */
const list = (filter: string) => `
    SELECT page.digest, listed.media_type, listed.artifact_type, listed.size, listed.annotations
    FROM (
      SELECT id, digest, sum(length) OVER (ORDER BY digest) - length AS before
      FROM (
        SELECT manifests.id, manifests.digest,
          coalesce(octet_length(manifests.annotations), 0) AS length
        FROM repositories
        JOIN manifests ON manifests.repository_id = repositories.id
        WHERE repositories.name = ?1 AND manifests.subject_digest = ?2 AND manifests.digest > ?3
          ${filter}
        ORDER BY manifests.digest LIMIT ?4
      )
    ) AS page
    LEFT JOIN manifests AS listed ON listed.id = page.id AND page.before < ?5`

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
  const page = [repository, subject, last, limit, PAGE_ANNOTATIONS_BYTES]
  const [listed, fallen] = await db.batch([
    artifactType === null
      ? db.prepare(SQL.list).bind(...page)
      : db.prepare(SQL.listOfType).bind(...page, artifactType),
    db.prepare(SQL.fallback).bind(repository, fallbackTag),
  ])
  const rows = (listed?.results ?? []) as ReferrerRow[]
  const referrers = rows.flatMap(toReferrer)
  const [tagged] = (fallen?.results ?? []) as ContentRow[]
  return {
    referrers,
    full: referrers.length < rows.length,
    fallback: tagged ? toContent(tagged) : null,
  }
}

function toReferrer(row: ReferrerRow): Referrer[] {
  const { digest, media_type: mediaType, artifact_type: artifactType, annotations, size } = row
  return mediaType === null || size === null
    ? []
    : [{ digest, mediaType, artifactType, annotations, size }]
}
