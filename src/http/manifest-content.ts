/** A stored manifest's bytes. */
import type { Context } from 'hono'
import { readBody } from '../lib/read-body.ts'
import { MANIFEST_LIMIT_BYTES } from '../oci/manifest.ts'
import { EdgeCache } from '../store/edge-cache.ts'
import type { ManifestContent } from '../store/manifests.ts'
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
