/** A stored manifest's bytes, and the choice of a platform for clients that do not know indexes. */
import type { Context } from 'hono'
import { readBody } from '../lib/read-body.ts'
import { RegistryError } from '../oci/errors.ts'
import { MANIFEST_LIMIT_BYTES, parseManifest } from '../oci/manifest.ts'
import { needsPlatformChild, platformChild } from '../oci/negotiation.ts'
import { EdgeCache } from '../store/edge-cache.ts'
import {
  findManifestByDigest,
  type ManifestContent,
  type StoredManifest,
} from '../store/manifests.ts'
import type { AppEnv } from './context.ts'

/** The bytes as they were pushed; those of a large manifest from the edge cache, where its `size` is known. */
export async function readManifestBytes(
  c: Context<AppEnv>,
  content: ManifestContent,
  size?: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if ('payload' in content) return Uint8Array.from(new TextEncoder().encode(content.payload))
  const blobStore = c.get('blobStore')
  const usage = c.get('usage')
  const cache = new EdgeCache(blobStore, usage, (work) => c.executionCtx.waitUntil(work))
  const stream =
    size === undefined
      ? await blobStore.read(content.storageKey)
      : await cache.read(content.storageKey, size)
  const bytes = stream && (await readBody(stream, MANIFEST_LIMIT_BYTES))
  if (bytes === null)
    throw new Error(`the manifest ${content.storageKey} is missing from the blob store`)
  return bytes
}

/**
 * What a tag means to this client: the stored manifest, or, where that is an index and the client accepts none, the
 * linux/amd64 image of it, as docker/distribution did for clients older than indexes.
 * @throws {RegistryError} MANIFEST_UNKNOWN where the index has no such image
 */
export async function resolvePlatform(
  c: Context<AppEnv>,
  stored: StoredManifest,
): Promise<StoredManifest> {
  const accept = c.req.header('Accept') ?? null
  if (!needsPlatformChild(accept, stored.mediaType)) return stored
  const index = parseManifest(
    await readManifestBytes(c, stored.content, stored.size),
    stored.mediaType,
  )
  const child = platformChild(index)
  const manifest =
    child && (await findManifestByDigest(c.get('db'), c.get('repository'), child.digest))
  if (manifest) return manifest
  throw new RegistryError('MANIFEST_UNKNOWN', {
    message: 'the tag is an index, which the client does not accept, and has no linux/amd64 image',
    detail: { Tag: c.get('reference') },
  })
}
