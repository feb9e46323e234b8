/** The reference in a request for a manifest: a digest or a tag (OCI distribution spec, "Pulling manifests"). */
import { type Digest, parseDigest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import { parseTag } from '../../oci/name.ts'

export type ManifestReference = { digest: Digest } | { tag: string }

/**
 * Text with a colon must be a digest: tags have no colon.
 * @throws {RegistryError} TAG_INVALID, DIGEST_INVALID
 */
export function parseManifestReference(text: string): ManifestReference {
  return text.includes(':') ? { digest: parseDigest(text) } : { tag: parseTag(text) }
}

export function unknownManifest(reference: ManifestReference): RegistryError {
  return new RegistryError('MANIFEST_UNKNOWN', { detail: referenceDetail(reference) })
}

/** The reference does not meet If-Match or If-None-Match (RFC 9110, 13.1). */
export function preconditionFailed(reference: ManifestReference): RegistryError {
  return new RegistryError('DENIED', {
    status: 412,
    message:
      'tag' in reference
        ? 'the tag does not meet If-Match or If-None-Match: read it again'
        : 'the manifest does not meet If-Match or If-None-Match',
    detail: referenceDetail(reference),
  })
}

function referenceDetail(reference: ManifestReference) {
  return 'tag' in reference ? { Tag: reference.tag } : { Digest: reference.digest }
}
