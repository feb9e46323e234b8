/** Referrers (OCI distribution spec, end-12): what was pushed with a given digest as its subject. */
import type { Context } from 'hono'
import { cutPage, nextLink, parsePageSize } from '../lib/pagination.ts'
import { parseDigest } from '../oci/digest.ts'
import { fallbackTag } from '../oci/fallback-tag.ts'
import type { Descriptor } from '../oci/manifest.ts'
import { MEDIA_TYPE_OCI_INDEX } from '../oci/media-types.ts'
import { listReferrers, type Referrer, type ReferrersPage } from '../store/referrers.ts'
import { type AppEnv, factory } from './context.ts'
import { readFallback } from './fallback-entries.ts'
import { allow } from './guard.ts'
import { prefixedPath } from './locations.ts'

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

  const tag = fallbackTag(subject)
  const query = { subject, fallbackTag: tag, artifactType, last, limit: size + 1 }
  const list = () => listReferrers(c.get('db'), repository, query)
  let page = await list()
  if (page.isUnread) {
    await readFallback(c, tag)
    page = await list()
  }
  const { end } = page
  const found = merge(page).filter(({ digest }) => end === undefined || digest <= end)
  const { entries, next = end && { digest: end } } = cutPage(found, size)

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
function merge({ referrers, fallback }: ReferrersPage): Entry[] {
  const others = fallback.map(({ descriptor }): Entry => JSON.parse(descriptor))
  const all = [...others, ...referrers.map(toEntry)]
  const byDigest = new Map(all.map((entry) => [entry.digest, entry]))
  return [...byDigest.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1))
}
