/** Pulls a manifest (OCI distribution spec, end-3). */
import { readBody } from '../../lib/read-body.ts'
import type { Digest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import { MANIFEST_LIMIT_BYTES, parseManifest } from '../../oci/manifest.ts'
import { needsPlatformChild, platformChild } from '../../oci/negotiation.ts'
import { findManifestByDigest, type StoredManifest } from '../../store/registry/manifests.ts'
import type { RegistryContext } from '../context.ts'
import { manifestUrl, notePull } from '../events.ts'
import { digestKey, readNearest } from '../read-nearest.ts'
import { type ManifestReference, unknownManifest } from './reference.ts'
import { readTag } from './tags.ts'

export interface PulledManifest {
  descriptor: { mediaType: string; digest: Digest; size: number }
  /** Opens the bytes exactly as pushed: `descriptor.size` bytes. */
  open: () => Promise<string | Uint8Array<ArrayBuffer>>
  /** Records the pull event. */
  note: () => void
}

/**
 * A tag is answered with content that the client supports. If it names an index and `accept` allows no index, the answer is the index's
 * linux/amd64 image, as in docker/distribution for clients older than indexes.
 * @param accept the Accept header; null if there is none
 * @throws {RegistryError} MANIFEST_UNKNOWN, also if the index has no such image
 */
export async function pullManifest(
  context: RegistryContext,
  reference: ManifestReference,
  accept: string | null,
): Promise<PulledManifest> {
  const found =
    'digest' in reference
      ? await readDigest(context, reference.digest)
      : await readTag(context, reference.tag)
  if (found === null) throw unknownManifest(reference)
  const stored =
    'tag' in reference && needsPlatformChild(accept, found.mediaType)
      ? await platformImage(context, found, reference.tag)
      : found
  const { digest, mediaType, size, content } = stored
  return {
    descriptor: { mediaType, digest, size },
    open: async () =>
      'payload' in content ? content.payload : readObject(context, content.storageKey, size),
    note: () =>
      notePull(context, 'manifests', () => {
        const url = manifestUrl(context, digest)
        return { mediaType, size, digest, ...reference, url }
      }),
  }
}

function readDigest(context: RegistryContext, digest: Digest): Promise<StoredManifest | null> {
  return readNearest(context, digestKey(context, digest), (db) =>
    findManifestByDigest(db, context.repository, digest),
  )
}

async function platformImage(
  context: RegistryContext,
  stored: StoredManifest,
  tag: string,
): Promise<StoredManifest> {
  const { databases, repository } = context
  const child = platformChild(
    parseManifest(await readManifestBytes(context, stored), stored.mediaType),
  )
  const image =
    child && (await findManifestByDigest(databases.of(repository), repository, child.digest))
  if (image) return image
  throw new RegistryError('MANIFEST_UNKNOWN', {
    message: 'the tag is an index, which the client does not accept, and has no linux/amd64 image',
    detail: { Tag: tag },
  })
}

/** The bytes exactly as pushed. */
export async function readManifestBytes(
  context: RegistryContext,
  { content, size }: StoredManifest,
): Promise<Uint8Array<ArrayBuffer>> {
  if ('payload' in content) return Uint8Array.from(new TextEncoder().encode(content.payload))
  return readObject(context, content.storageKey, size)
}

/** Reads a large manifest through the edge cache. */
async function readObject(
  { cache }: RegistryContext,
  storageKey: string,
  size: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const stream = await cache.read(storageKey, size)
  const bytes = stream && (await readBody(stream, MANIFEST_LIMIT_BYTES))
  if (bytes === null) throw new Error(`the manifest ${storageKey} is missing from the blob store`)
  return bytes
}
