/** Referrers: the manifests whose subject is a given digest (OCI distribution spec, end-12). */
import type { Digest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import { fallbackTag } from '../../oci/fallback-tag.ts'
import { type Descriptor, type Manifest, parseManifest } from '../../oci/manifest.ts'
import { MEDIA_TYPE_OCI_INDEX } from '../../oci/media-types.ts'
import { runBatch } from '../../store/database/statement.ts'
import { keepEntries } from '../../store/registry/fallback-entries.ts'
import { findManifestByTag } from '../../store/registry/manifests.ts'
import {
  listReferrers as list,
  type Referrer,
  type ReferrersPage,
} from '../../store/registry/referrers.ts'
import type { RegistryContext } from '../context.ts'
import { readManifestBytes } from './pull-manifest.ts'

export type ReferrerEntry = Pick<
  Descriptor,
  'mediaType' | 'digest' | 'size' | 'artifactType' | 'annotations'
>

export interface ReferrersQuery {
  subject: Digest
  /** Null to list all types. */
  artifactType: string | null
  /** The digest after which the page begins; '' for the first page. */
  last: string
  limit: number
}

export interface Referrers {
  /** Sorted by digest. */
  entries: ReferrerEntry[]
  /** Set if the page ends early because of its size: the last digest that it covers. More entries follow it. */
  end: Digest | undefined
}

/**
 * Lists the referrers that the registry stored, and those that clients wrote under the fallback tag. No manifest is parsed, except
 * once for a fallback tag from before its entries were stored.
 */
export async function listReferrers(
  context: RegistryContext,
  { subject, ...rest }: ReferrersQuery,
): Promise<Referrers> {
  const { databases, repository } = context
  const tag = fallbackTag(subject)
  const query = { subject, fallbackTag: tag, ...rest }
  let page = await list(databases.of(repository), repository, query)
  if (page.isUnread) {
    await readFallback(context, tag)
    page = await list(databases.of(repository), repository, query)
  }
  const { end } = page
  const entries = merge(page).filter(({ digest }) => end === undefined || digest <= end)
  return { entries, end }
}

/** The entries that this manifest would have under a fallback tag. Empty if it is not an OCI index. */
export function fallbackEntries({ mediaType, manifests }: Manifest): readonly Descriptor[] {
  return mediaType === MEDIA_TYPE_OCI_INDEX ? manifests : []
}

/**
 * Reads a fallback tag whose entries are not stored yet, and stores them, so that it is read once. Such a tag is older than the stored
 * entries. It is read when a client asks for it, because a job would have to read all of them.
 */
async function readFallback(context: RegistryContext, tag: string): Promise<void> {
  const { databases, repository } = context
  const db = databases.of(repository)
  const stored = await findManifestByTag(db, repository, tag)
  if (stored === null) return
  const isIndex = stored.mediaType === MEDIA_TYPE_OCI_INDEX
  const entries = isIndex ? entriesOf(await readManifestBytes(context, stored)) : []
  await runBatch(db, keepEntries(db, repository, tag, stored.digest, entries))
}

/** Empty if the stored index does not meet today's rules. */
function entriesOf(bytes: Uint8Array<ArrayBuffer>): readonly Descriptor[] {
  try {
    return parseManifest(bytes, MEDIA_TYPE_OCI_INDEX).manifests
  } catch (error) {
    if (error instanceof RegistryError) return []
    throw error
  }
}

/** No digest is in both lists. */
function merge({ referrers, fallback }: ReferrersPage): ReferrerEntry[] {
  const others = fallback.map(({ descriptor }): ReferrerEntry => JSON.parse(descriptor))
  return [...others, ...referrers.map(toEntry)].sort((a, b) => (a.digest < b.digest ? -1 : 1))
}

function toEntry({ mediaType, digest, size, artifactType, annotations }: Referrer): ReferrerEntry {
  return {
    mediaType,
    digest,
    size,
    ...(artifactType === null ? {} : { artifactType }),
    ...(annotations === null ? {} : { annotations: JSON.parse(annotations) }),
  }
}
