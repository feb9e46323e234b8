/** Conditional requests on content that its digest names: the entity tag is the quoted digest. RFC 9110 section 13. */

export function entityTag(digest: string): string {
  return `"${digest}"`
}

/**
 * Whether `If-None-Match` names this content, so that 304 is the answer. The comparison is weak; a bare digest is taken as
 * docker/distribution takes it.
 */
export function noneMatch(header: string | undefined, digest: string): boolean {
  if (header === undefined) return false
  return header.split(',').some((candidate) => {
    const tag = candidate.trim().replace(/^W\//, '')
    return tag === '*' || tag === digest || tag === entityTag(digest)
  })
}

/** Whether the ranges asked for are of this content (`If-Range`); a date never is, because none is sent. */
export function rangeApplies(ifRange: string | undefined, digest: string): boolean {
  return ifRange === undefined || ifRange.trim() === entityTag(digest)
}
