/** Checks that the repository has everything a manifest refers to, as its descriptors say (design: invariant I1). */
import { algorithmOf, type Digest, digestOf } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import type { Descriptor, Manifest } from '../../oci/manifest.ts'
import { isNonDistributable, manifestTypeOf } from '../../oci/media-types.ts'
import { findContent } from '../../store/registry/find-content.ts'
import type { BlobReference, ChildReference } from '../../store/registry/put-manifest.ts'
import { mayPull, type RegistryContext } from '../context.ts'

export function referencesOf({ config, layers, manifests }: Manifest): Descriptor[] {
  return [...(config === undefined ? [] : [config]), ...layers, ...manifests]
}

export interface RequiredReferences {
  blobs: BlobReference[]
  children: ChildReference[]
}

/**
 * The content that must be in the repository. A descriptor's media type, and not the field it is in, says whether it refers to a manifest
 * or a blob: an index may list blobs, as BuildKit's cache does. Non-distributable layers need not be in the registry.
 */
export function requiredReferences(manifest: Manifest): RequiredReferences {
  const required: RequiredReferences = { blobs: [], children: [] }
  for (const { digest, size, mediaType } of referencesOf(manifest)) {
    const manifestType = manifestTypeOf(mediaType)
    if (manifestType !== null) required.children.push({ digest, size, mediaType: manifestType })
    else if (!isNonDistributable(mediaType)) required.blobs.push({ digest, size })
  }
  return required
}

/**
 * Checks that the repository has everything the manifest refers to, with the size and type that the descriptors say.
 * @throws {RegistryError} MANIFEST_BLOB_UNKNOWN with every missing digest; MANIFEST_INVALID
 */
export async function checkReferences(context: RegistryContext, manifest: Manifest): Promise<void> {
  const { databases, repository } = context
  const { blobs, children } = requiredReferences(manifest)
  const digests = [...new Set(digestsOf([...blobs, ...children]))]
  if (digests.length === 0) return
  const found = await findContent(databases.of(repository), repository, digests)
  const isMissing = new Set<Digest>([
    ...digestsOf(blobs).filter((digest) => typeof found.get(digest)?.blobSize !== 'number'),
    ...digestsOf(children).filter((digest) => !found.has(digest)),
  ])
  if (isMissing.size > 0) {
    throw new RegistryError('MANIFEST_BLOB_UNKNOWN', {
      message: 'the repository does not have what the manifest refers to',
      details: digests.filter((digest) => isMissing.has(digest)),
    })
  }
  for (const blob of blobs) checkSize(context, blob, found.get(blob.digest)?.blobSize)
  for (const child of children) {
    const { manifest = null, blobSize } = found.get(child.digest) ?? {}
    checkSize(context, child, manifest?.size ?? blobSize)
    if (manifest !== null) checkType(context, child, manifest.mediaType)
  }
}

function digestsOf(references: readonly BlobReference[]): Digest[] {
  return references.map(({ digest }) => digest)
}

/** The right to push does not include the right to read types. */
function checkType(
  context: RegistryContext,
  { digest, mediaType }: ChildReference,
  actual: string,
): void {
  if (actual === mediaType) return
  const truth = mayPull(context) ? `it was pushed as ${actual}` : 'which is not its type'
  throw new RegistryError('MANIFEST_INVALID', {
    message: `mediaType: the descriptor of ${digest} says ${mediaType}, ${truth}`,
    detail: digest,
  })
}

/** The right to push does not include the right to read sizes. */
function checkSize(
  context: RegistryContext,
  { digest, size }: BlobReference,
  actual: number | null | undefined,
): void {
  if (actual === size) return
  const truth = mayPull(context) ? `it has ${actual}` : 'which is not its size'
  throw new RegistryError('MANIFEST_INVALID', {
    message: `size: the descriptor of ${digest} says ${size} bytes, ${truth}`,
    detail: digest,
  })
}

/**
 * Clients read embedded data instead of the content that the digest names (OCI image spec, "Embedded Content").
 * @throws {RegistryError} MANIFEST_INVALID
 */
export async function checkEmbeddedData(manifest: Manifest): Promise<void> {
  const { subject } = manifest
  const described = [...referencesOf(manifest), ...(subject === undefined ? [] : [subject])]
  for (const { digest, data } of described) {
    if (data === undefined) continue
    const actual = await digestOf(Uint8Array.fromBase64(data), algorithmOf(digest))
    if (actual === digest) continue
    throw new RegistryError('MANIFEST_INVALID', {
      message: `data: the data in the descriptor of ${digest} hashes to ${actual}`,
      detail: digest,
    })
  }
}
