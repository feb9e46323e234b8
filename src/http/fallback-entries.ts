/** What clients wrote into the tag of the referrers tag schema before the registry listed referrers itself. */
import type { Context } from 'hono'
import { RegistryError } from '../oci/errors.ts'
import { type Descriptor, type Manifest, parseManifest } from '../oci/manifest.ts'
import { MEDIA_TYPE_OCI_INDEX } from '../oci/media-types.ts'
import { keepEntries } from '../store/fallback-entries.ts'
import { findManifestByTag } from '../store/manifests.ts'
import type { AppEnv } from './context.ts'
import { readManifestBytes } from './manifest-content.ts'

/** Nothing where it is no OCI index. */
export function fallbackEntries({ mediaType, manifests }: Manifest): readonly Descriptor[] {
  return mediaType === MEDIA_TYPE_OCI_INDEX ? manifests : []
}

/**
 * Reads the manifest under a tag whose entries are not kept yet, and keeps them: it is read once. A tag from before they were kept
 * costs this when somebody asks for it, and nothing where nobody does, which a job that reads all of them would.
 */
export async function readFallback(c: Context<AppEnv>, tag: string): Promise<void> {
  const db = c.get('db')
  const repository = c.get('repository')
  const stored = await findManifestByTag(db, repository, tag)
  if (stored === null) return
  const { digest, mediaType, content, size } = stored
  const isIndex = mediaType === MEDIA_TYPE_OCI_INDEX
  const entries = isIndex ? entriesOf(await readManifestBytes(c, content, size)) : []
  await db.batch(keepEntries(db, repository, tag, digest, entries))
}

/** Nothing where today's rules do not read it. */
function entriesOf(bytes: Uint8Array<ArrayBuffer>): readonly Descriptor[] {
  try {
    return parseManifest(bytes, MEDIA_TYPE_OCI_INDEX).manifests
  } catch (error) {
    if (error instanceof RegistryError) return []
    throw error
  }
}
