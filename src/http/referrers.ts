/** Referrers (OCI distribution spec, end-12): what was pushed with a given digest as its subject. */
import type { Context } from 'hono'
import { cutPage, nextLink, parsePageSize } from '../lib/pagination.ts'
import { algorithmOf, type Digest, hexOf, parseDigest } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import { type Descriptor, parseManifest } from '../oci/manifest.ts'
import { MEDIA_TYPE_OCI_INDEX } from '../oci/media-types.ts'
import { listReferrers, type Referrer, type ReferrersPage } from '../store/referrers.ts'
import { type AppEnv, factory } from './context.ts'
import { allow } from './guard.ts'
import { prefixedPath } from './locations.ts'
import { readManifestBytes } from './manifest-content.ts'

type Entry = Pick<Descriptor, 'mediaType' | 'digest' | 'size' | 'artifactType' | 'annotations'>

export const referrers = factory.createApp().get('/', allow('pull'), async (c) => {
  const repository = c.get('repository')
  const settings = c.get('settings')
  const subject = parseDigest(c.get('reference'))
  const artifactType = queryWithPlus(c, 'artifactType') || null
  const max = settings.referrersPageMax
  const size = parsePageSize(c.req.query('n'), { default: max, max, above: 'clamp' })
  const last = c.req.query('last') || ''
  if (last !== '') parseDigest(last)

  const page = await listReferrers(c.get('db'), repository, {
    subject,
    fallbackTag: fallbackTag(subject),
    artifactType,
    last,
    limit: size + 1,
  })
  const end = page.full ? page.referrers.at(-1) : undefined
  const found = merge(page.referrers.map(toEntry), await fallbackEntries(c, page))
    .filter((entry) => entry.digest > last && (end === undefined || entry.digest <= end.digest))
    .filter((entry) => artifactType === null || entry.artifactType === artifactType)
  const { entries, next = end } = cutPage(found, size)

  if (artifactType !== null) c.header('OCI-Filters-Applied', 'artifactType')
  if (next !== undefined) {
    const path = prefixedPath(settings, `/v2/${repository}/referrers/${subject}`)
    const filter = artifactType === null ? {} : { artifactType }
    c.header('Link', nextLink(path, { n: size, last: next.digest, ...filter }))
  }
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPE_OCI_INDEX, manifests: entries }
  return c.body(JSON.stringify(index), 200, { 'Content-Type': MEDIA_TYPE_OCI_INDEX })
})

/** A parameter in which a `+` stands for itself, as clients write media types, and not for a space. */
function queryWithPlus(c: Context<AppEnv>, name: string): string | null {
  const query = new URL(c.req.url).search.replaceAll('+', '%2B')
  return new URLSearchParams(query).get(name)
}

/** OCI distribution spec, "Referrers Tag Schema": `<algorithm>-<the first 64 hex digits>`. */
function fallbackTag(subject: Digest): string {
  return `${algorithmOf(subject)}-${hexOf(subject).slice(0, 64)}`
}

/** What clients wrote into the fallback tag before the registry listed referrers itself; nothing where it is no index. */
async function fallbackEntries(c: Context<AppEnv>, page: ReferrersPage): Promise<Entry[]> {
  if (page.fallback === null) return []
  const bytes = await readManifestBytes(c, page.fallback)
  try {
    return parseManifest(bytes, MEDIA_TYPE_OCI_INDEX).manifests
  } catch (error) {
    if (error instanceof RegistryError) return []
    throw error
  }
}

function toEntry({ mediaType, digest, size, artifactType, annotations }: Referrer): Entry {
  return {
    mediaType,
    digest,
    size,
    ...(artifactType === null ? {} : { artifactType }),
    ...(annotations === null ? {} : { annotations: JSON.parse(annotations) }),
  }
}

/** Both lists in the order of digests, each digest once; what the registry knows itself wins. */
function merge(own: readonly Entry[], fallback: readonly Entry[]): Entry[] {
  const byDigest = new Map([...fallback, ...own].map((entry) => [entry.digest, entry]))
  return [...byDigest.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1))
}
