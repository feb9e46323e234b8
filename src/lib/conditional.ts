/** Conditional requests on content that its digest names: the entity tag is the quoted digest. RFC 9110 section 13. */

export function entityTag(digest: string): string {
  return `"${digest}"`
}

/**
 * Whether `If-None-Match` names this content, so that 304 is the answer. The comparison is weak; a bare digest is taken as
 * docker/distribution takes it.
 */
export function noneMatch(header: string | undefined, digest: string): boolean {
  const tags = entityTags(header?.replaceAll('W/', '')) ?? []
  return tags.includes('*') || tags.includes(digest)
}

/** What must be true of the thing that a request changes. Each list holds digests, or `*` for any; null where there is no such header. */
export interface Preconditions {
  ifMatch: readonly string[] | null
  ifNoneMatch: readonly string[] | null
}

export const NO_PRECONDITIONS: Preconditions = { ifMatch: null, ifNoneMatch: null }

/** `If-Match` is compared strongly, so a weak tag matches nothing; `If-None-Match` is compared weakly. */
export function preconditions(
  ifMatch: string | undefined,
  ifNoneMatch: string | undefined,
): Preconditions {
  return {
    ifMatch: entityTags(ifMatch),
    ifNoneMatch: entityTags(ifNoneMatch?.replaceAll('W/', '')),
  }
}

/** The tags without their quotes. A quoted star is a tag, not the star, and keeps them. */
function entityTags(header: string | undefined): string[] | null {
  if (header === undefined || header.trim() === '') return null
  return header.split(',').map((tag) => tag.trim().replace(/^"([^"*]*)"$/, '$1'))
}

/** Whether the ranges asked for are of this content (`If-Range`); a date never is, because none is sent. */
export function rangeApplies(ifRange: string | undefined, digest: string): boolean {
  return ifRange === undefined || ifRange.trim() === entityTag(digest)
}
