/** The tags under which clients keep referrers by themselves: OCI distribution spec, "Referrers Tag Schema". */
import { algorithmOf, type Digest, hexOf } from './digest.ts'

/** `<algorithm>-<the first 64 hex digits>`. */
export function fallbackTag(subject: Digest): string {
  return `${algorithmOf(subject)}-${hexOf(subject).slice(0, 64)}`
}

export function isFallbackTag(tag: string): boolean {
  return /^sha(256|512)-[0-9a-f]{64}$/.test(tag)
}
