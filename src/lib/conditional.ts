/** Conditional requests on content with a digest. The entity tag is the quoted digest. RFC 9110 section 13. */

export function entityTag(digest: string): string {
  return `"${digest}"`
}

/**
 * Whether `If-None-Match` names this content, so that the answer is 304. The comparison is weak. A bare digest is accepted, as in
 * docker/distribution.
 */
export function noneMatch(header: string | undefined, digest: string): boolean {
  const tags = entityTags(header?.replaceAll('W/', '')) ?? []
  return tags.includes('*') || tags.includes(digest)
}

/** Conditions on the target of a change. Each list holds digests, or `*` for any; null where the header is missing. */
export interface Preconditions {
  ifMatch: readonly string[] | null
  ifNoneMatch: readonly string[] | null
}

export const NO_PRECONDITIONS: Preconditions = { ifMatch: null, ifNoneMatch: null }

/** `If-Match` is compared strongly, so a weak tag never matches. `If-None-Match` is compared weakly. */
export function preconditions(
  ifMatch: string | undefined,
  ifNoneMatch: string | undefined,
): Preconditions {
  return {
    ifMatch: entityTags(ifMatch),
    ifNoneMatch: entityTags(ifNoneMatch?.replaceAll('W/', '')),
  }
}

/** The tags without quotes. A quoted star keeps its quotes: it is a tag, not the wildcard. */
function entityTags(header: string | undefined): string[] | null {
  if (header === undefined || header.trim() === '') return null
  return header.split(',').map((tag) => tag.trim().replace(/^"([^"*]*)"$/, '$1'))
}

/** Whether the requested ranges are of this content (`If-Range`). A date never matches, because no Last-Modified is sent. */
export function rangeApplies(ifRange: string | undefined, digest: string): boolean {
  return ifRange === undefined || ifRange.trim() === entityTag(digest)
}
