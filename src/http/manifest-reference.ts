/** What the last segment of a manifest's path names. */
import { type Digest, parseDigest } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import { parseTag } from '../oci/name.ts'

export type Reference = { digest: Digest } | { tag: string }

/** A tag has no colon, a digest has one: what looks like a digest must be one. */
export function parseReference(reference: string): Reference {
  return reference.includes(':') ? { digest: parseDigest(reference) } : { tag: parseTag(reference) }
}

export function unknownManifest(reference: Reference): RegistryError {
  return new RegistryError('MANIFEST_UNKNOWN', {
    detail: 'tag' in reference ? { Tag: reference.tag } : { Digest: reference.digest },
  })
}
