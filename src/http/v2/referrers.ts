/** Referrers (OCI distribution spec, end-12): manifests that have a given digest as their subject. */
import type { Context } from 'hono'
import { cutPage, nextLink, parsePageSize } from '../../lib/pagination.ts'
import { parseDigest } from '../../oci/digest.ts'
import { MEDIA_TYPE_OCI_INDEX } from '../../oci/media-types.ts'
import { listReferrers } from '../../registry/manifests/list-referrers.ts'
import { type AppEnv, factory } from '../middleware/context.ts'
import { allow } from '../middleware/guard.ts'
import { prefixedPath } from '../middleware/locations.ts'
import { registryContext } from '../middleware/registry-context.ts'

export const referrers = factory.createApp().get('/', allow('pull'), async (c) => {
  const settings = c.get('settings')
  const subject = parseDigest(c.get('reference'))
  const artifactType = queryWithPlus(c, 'artifactType') || null
  const max = settings.referrersPageMax
  const size = parsePageSize(c.req.query('n'), { default: max, max, above: 'clamp' })
  const last = c.req.query('last') || ''
  if (last !== '') parseDigest(last)

  const query = { subject, artifactType, last, limit: size + 1 }
  const found = await listReferrers(registryContext(c), query)
  const { entries, next } = cutPage(found.entries, size)
  const end = next?.digest ?? found.end

  if (artifactType !== null) c.header('OCI-Filters-Applied', 'artifactType')
  if (end !== undefined) {
    const path = prefixedPath(settings, `/v2/${c.get('repository')}/referrers/${subject}`)
    const filter = artifactType === null ? {} : { artifactType }
    c.header('Link', nextLink(path, { n: size, last: end, ...filter }))
  }
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPE_OCI_INDEX, manifests: entries }
  return c.body(JSON.stringify(index), 200, { 'Content-Type': MEDIA_TYPE_OCI_INDEX })
})

/** A query parameter in which `+` is a plus sign and not a space: clients write media types that way. */
function queryWithPlus(c: Context<AppEnv>, name: string): string | null {
  const query = new URL(c.req.url).search.replaceAll('+', '%2B')
  return new URLSearchParams(query).get(name)
}
