/** Referrers: the manifests whose subject is a given digest. OCI distribution spec, "Listing Referrers". */

import type { Digest } from '../oci/digest.ts'
import type { Database } from './database.ts'

export interface Referrer {
  digest: Digest
  mediaType: string
  artifactType: string | null
  /** JSON text. */
  annotations: string | null
  /** Bytes. */
  size: number
}

/** A page ends before the annotations on it, which every client of the subject gets, take more characters than this; so do its fallback entries. */
const PAGE_ANNOTATIONS = 2 * 1024 * 1024

export interface ReferrersPage {
  referrers: Referrer[]
  /** Entries of the index under the tag of the referrers tag schema, where clients of older registries kept such a list. */
  fallback: FallbackEntry[]
  /** The digest that the page ends with because of its size: more follow, although there are fewer than asked for. */
  end: Digest | undefined
  /** Whether the entries of what the tag names now are not kept yet: `fallback` is not right. */
  isUnread: boolean
}

export interface FallbackEntry {
  digest: Digest
  /** JSON text. */
  descriptor: string
}

interface ReferrerRow {
  digest: Digest
  media_type: string
  artifact_type: string | null
  annotations: string | null
  size: number
  beyond: 0 | 1
}

interface FallbackRow extends FallbackEntry {
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

/** At most 10,000 entries stand under a tag, in the order of digests. */
const listFallback = (filter: string) => `
    SELECT digest, before >= ?5 AS beyond, CASE WHEN before < ?5 THEN descriptor END AS descriptor
    FROM (
      SELECT *, sum(length(descriptor)) OVER (ORDER BY digest) - length(descriptor) AS before
      FROM (
        SELECT entries.digest, entries.descriptor FROM repositories
        JOIN fallback_entries AS entries ON entries.repository_id = repositories.id
        WHERE repositories.name = ?1 AND entries.tag = ?2 AND entries.digest > ?3 ${filter}
        ORDER BY entries.digest LIMIT ?4
      )
    )`

const SQL = {
  list: list(''),
  listOfType: list('AND manifests.artifact_type = ?6'),
  fallback: listFallback(''),
  fallbackOfType: listFallback('AND entries.artifact_type = ?6'),
  unread: `
    SELECT 1 AS found FROM repositories
    JOIN tags ON tags.repository_id = repositories.id
    WHERE repositories.name = ?1 AND tags.name = ?2 AND tags.entries_of IS NOT tags.digest`,
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

/** One page in the order of digests, of both lists, in one round trip. */
export async function listReferrers(
  db: Database,
  repository: string,
  { subject, fallbackTag, artifactType, last, limit }: ReferrersQuery,
): Promise<ReferrersPage> {
  const page = [last, limit, PAGE_ANNOTATIONS, ...(artifactType === null ? [] : [artifactType])]
  const [list, fallback] =
    artifactType === null ? [SQL.list, SQL.fallback] : [SQL.listOfType, SQL.fallbackOfType]
  const [listed, fallen, unread] = await db.batch([
    db.prepare(list).bind(repository, subject, ...page),
    db.prepare(fallback).bind(repository, fallbackTag, ...page),
    db.prepare(SQL.unread).bind(repository, fallbackTag),
  ])
  const own = within((listed?.results ?? []) as ReferrerRow[])
  const kept = within((fallen?.results ?? []) as FallbackRow[])
  const [end] = [own.end, kept.end].filter((one) => one !== undefined).sort()
  return {
    referrers: own.rows.map(({ media_type, artifact_type, digest, annotations, size }) => ({
      digest,
      mediaType: media_type,
      artifactType: artifact_type,
      annotations,
      size,
    })),
    fallback: kept.rows,
    end,
    isUnread: unread?.results.length !== 0,
  }
}

/** The rows that the size of a page has room for, and the last one's digest where others follow. */
function within<Row extends { digest: Digest; beyond: 0 | 1 }>(
  all: readonly Row[],
): { rows: Row[]; end: Digest | undefined } {
  const rows = all.filter(({ beyond }) => beyond === 0)
  return { rows, end: rows.length < all.length ? rows.at(-1)?.digest : undefined }
}
