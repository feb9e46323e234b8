/** Referrers: the manifests with a given subject. OCI distribution spec, "Listing Referrers". */

import type { Digest } from '../../oci/digest.ts'
import type { Database } from '../database/database.ts'
import { readRows, sql, statements } from '../database/statement.ts'

export interface Referrer {
  digest: Digest
  mediaType: string
  artifactType: string | null
  /** JSON text. */
  annotations: string | null
  /** Bytes. */
  size: number
}

/** A page ends before its annotations or its fallback entries take more bytes than this. Every client of the subject reads the page. */
const PAGE_BYTES = 2 * 1024 * 1024

export interface ReferrersPage {
  referrers: Referrer[]
  /** Entries of the index under the tag of the referrers tag schema, if clients of older registries kept such a list. */
  fallback: FallbackEntry[]
  /** The last digest of a page that its size cut short. More follow. */
  end: Digest | undefined
  /** Whether the entries of the tag's present index are not kept yet. Then `fallback` is out of date. */
  isUnread: boolean
}

export interface FallbackEntry {
  digest: Digest
  /** JSON text. */
  descriptor: string
}

/** A row after the end of the page has its digest only. */
interface ReferrerRow {
  digest: Digest
  media_type: string | null
  artifact_type: string | null
  annotations: string | null
  size: number | null
}

interface FallbackRow {
  digest: Digest
  descriptor: string | null
}

/**
 * The list of one type is a statement of its own, so that an index leads past all other types. The end of the page is found without
 * reading annotations: octet_length reads only the header of the row. Otherwise a list of 1,000 referrers would read 256 MB, and all
 * other queries would wait.
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

/** In the order of digests, without those that the registry lists itself. A tag has at most 10,000 entries, of 4 MiB in all. */
const listFallback = (filter: string) => `
    SELECT digest, CASE WHEN before < ?5 THEN descriptor END AS descriptor
    FROM (
      SELECT *, sum(octet_length(descriptor)) OVER (ORDER BY digest) - octet_length(descriptor) AS before
      FROM (
        SELECT entries.digest, entries.descriptor FROM repositories
        JOIN fallback_entries AS entries ON entries.repository_id = repositories.id
        WHERE repositories.name = ?1 AND entries.tag = ?2 AND entries.digest > ?3 ${filter}
          AND NOT EXISTS (SELECT 1 FROM manifests AS own WHERE own.repository_id = repositories.id
            AND own.digest = entries.digest AND own.subject_digest = ?6)
        ORDER BY entries.digest LIMIT ?4
      )
    )`

/** `of` is the subject or the fallback tag. */
type Page = [repository: string, of: string, last: string, limit: number, bytes: number]

const SQL = statements('referrers', {
  list: sql<Page, ReferrerRow>(list('')),
  listOfType: sql<[...page: Page, artifactType: string], ReferrerRow>(
    list('AND manifests.artifact_type = ?6'),
  ),
  fallback: sql<[...page: Page, subject: Digest], FallbackRow>(listFallback('')),
  fallbackOfType: sql<[...page: Page, subject: Digest, artifactType: string], FallbackRow>(
    listFallback('AND entries.artifact_type = ?7'),
  ),
  unread: sql<[repository: string, tag: string], { found: 1 }>(`
    SELECT 1 AS found FROM repositories
    JOIN tags ON tags.repository_id = repositories.id
    WHERE repositories.name = ?1 AND tags.name = ?2 AND tags.entries_of IS NOT tags.digest`),
})

export interface ReferrersQuery {
  subject: Digest
  fallbackTag: string
  /** Only referrers of this type; null for all. */
  artifactType: string | null
  /** The page begins after this digest; '' for the first page. */
  last: string
  limit: number
}

/** One page of both lists in the order of digests, in one round trip. */
export async function listReferrers(
  db: Database,
  repository: string,
  { subject, fallbackTag, artifactType, last, limit }: ReferrersQuery,
): Promise<ReferrersPage> {
  const own: Page = [repository, subject, last, limit, PAGE_BYTES]
  const kept: Page = [repository, fallbackTag, last, limit, PAGE_BYTES]
  const [listed, fallen, unread] = await readRows(db, [
    artifactType === null ? SQL.list(db, ...own) : SQL.listOfType(db, ...own, artifactType),
    artifactType === null
      ? SQL.fallback(db, ...kept, subject)
      : SQL.fallbackOfType(db, ...kept, subject, artifactType),
    SQL.unread(db, repository, fallbackTag),
  ])
  const referrers = listed.flatMap(toReferrer)
  const entries = fallen.flatMap(({ digest, descriptor }) =>
    descriptor === null ? [] : [{ digest, descriptor }],
  )
  const ends = [endOf(referrers, listed), endOf(entries, fallen)]
  return {
    referrers,
    fallback: entries,
    end: ends.filter((one) => one !== undefined).sort()[0],
    isUnread: unread.length > 0,
  }
}

function toReferrer(row: ReferrerRow): Referrer[] {
  const { digest, media_type: mediaType, artifact_type: artifactType, annotations, size } = row
  return mediaType === null || size === null
    ? []
    : [{ digest, mediaType, artifactType, annotations, size }]
}

/** The last digest of the page, if others follow. */
function endOf(page: readonly { digest: Digest }[], all: readonly unknown[]): Digest | undefined {
  return page.length < all.length ? page.at(-1)?.digest : undefined
}
