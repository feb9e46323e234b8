/** Lists of names: tags (OCI distribution spec, end-8) and the catalog (an extension by docker/distribution). */
import { cutPage, nextLink, parsePageSize } from '../../lib/pagination.ts'
import { parseRepositoryName, parseTag } from '../../oci/name.ts'
import { listTags } from '../../registry/manifests/list-tags.ts'
import { listVisibleRepositories } from '../../store/registry/visible-repositories.ts'
import { factory } from '../middleware/context.ts'
import { allow } from '../middleware/guard.ts'
import { prefixedPath } from '../middleware/locations.ts'
import { registryContext } from '../middleware/registry-context.ts'

const CATALOG_PAGE = 100

export const tags = factory.createApp().get('/', allow('pull'), async (c) => {
  const repository = c.get('repository')
  const settings = c.get('settings')
  const max = settings.tagsPageMax
  const size = parsePageSize(c.req.query('n'), { default: max, max, above: 'clamp' })
  const last = c.req.query('last') || ''
  if (last !== '') parseTag(last)
  const found = await listTags(registryContext(c), last, size + 1)
  const { entries, next } = cutPage(found, size)
  if (next !== undefined) {
    const path = prefixedPath(settings, `/v2/${repository}/tags/list`)
    c.header('Link', nextLink(path, { n: size, last: next }))
  }
  return c.json({ name: repository, tags: entries })
})

export const catalog = factory.createApp().get('/', allow('catalog'), async (c) => {
  const settings = c.get('settings')
  const max = settings.catalogPageMax
  const size = parsePageSize(c.req.query('n'), { default: CATALOG_PAGE, max, above: 'refuse' })
  const last = c.req.query('last') || ''
  if (last !== '') parseRepositoryName(last)
  const { visible } = c.get('caller')
  const found = await listVisibleRepositories(c.get('db'), visible, { last, limit: size + 1 })
  const { entries, next } = cutPage(found, size)
  if (next !== undefined) {
    c.header('Link', nextLink(prefixedPath(settings, '/v2/_catalog'), { n: size, last: next }))
  }
  return c.json({ repositories: entries })
})
