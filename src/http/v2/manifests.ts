/** Manifests: pulling (OCI distribution spec, end-3), pushing (end-7) and deleting (end-9). */
import type { Context } from 'hono'
import { entityTag, noneMatch } from '../../lib/conditional.ts'
import { readBody } from '../../lib/read-body.ts'
import type { Digest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import { MANIFEST_LIMIT_BYTES } from '../../oci/manifest.ts'
import { parseTag } from '../../oci/name.ts'
import { deleteManifest, type ManifestDeletion } from '../../registry/manifests/delete-manifest.ts'
import { deleteTag } from '../../registry/manifests/delete-tag.ts'
import { pullManifest } from '../../registry/manifests/pull-manifest.ts'
import { pushManifest } from '../../registry/manifests/push-manifest.ts'
import {
  type ManifestReference,
  parseManifestReference,
} from '../../registry/manifests/reference.ts'
import { type AppEnv, factory } from '../middleware/context.ts'
import { allow, stillAllowed } from '../middleware/guard.ts'
import { location } from '../middleware/locations.ts'
import { registryContext } from '../middleware/registry-context.ts'
import { preconditionsOf } from './preconditions.ts'

export const manifests = factory
  .createApp()
  .get('/', allow('pull'), async (c) => {
    const reference = parseManifestReference(c.get('reference'))
    const accept = c.req.header('Accept') ?? null
    if ('tag' in reference) c.header('Vary', 'Accept', { append: true })
    const { descriptor, open, note } = await pullManifest(registryContext(c), reference, accept)
    const { mediaType, digest, size } = descriptor
    // The entity tag is that of the representation that Accept selected.
    if (noneMatch(c.req.header('If-None-Match'), digest)) {
      return c.body(null, 304, cacheHeaders(digest))
    }
    const headers = {
      ...cacheHeaders(digest),
      'Content-Type': mediaType,
      'Content-Length': String(size),
    }
    if (c.req.method === 'HEAD') {
      note()
      return c.body(null, 200, headers)
    }
    const body = await open()
    note()
    return c.body(body, 200, headers)
  })
  .put('/', allow('push'), async (c) => {
    const tags = [...new Set(c.req.queries('tag') ?? [])].map(parseTag)
    const reference = parseManifestReference(c.get('reference'))
    const bytes = await readManifest(c)
    const { digest, subject } = await pushManifest(registryContext(c), {
      bytes,
      contentType: c.req.header('Content-Type'),
      reference,
      tags,
      preconditions: preconditionsOf(c),
    })
    c.header('Location', location(c, `/v2/${c.get('repository')}/manifests/${digest}`))
    c.header('Docker-Content-Digest', digest)
    if (subject !== null) c.header('OCI-Subject', subject)
    for (const tag of tags) c.header('OCI-Tag', tag, { append: true })
    return c.body(null, 201)
  })
  .delete('/', allow('delete'), async (c) => {
    const reference = parseManifestReference(c.get('reference'))
    const cascade = cascadeOf(c, reference)
    const context = registryContext(c)
    await ('tag' in reference
      ? deleteTag(context, reference.tag, preconditionsOf(c))
      : deleteManifest(context, { ...reference, cascade, preconditions: preconditionsOf(c) }))
    return c.body(null, 202)
  })

async function readManifest(c: Context<AppEnv>): Promise<Uint8Array<ArrayBuffer>> {
  const since = Date.now()
  const declared = Number(c.req.header('Content-Length') ?? 0)
  const bytes =
    declared > MANIFEST_LIMIT_BYTES ? null : await readBody(c.req.raw.body, MANIFEST_LIMIT_BYTES)
  if (bytes !== null) {
    await stillAllowed(c, 'push', since)
    return bytes
  }
  throw new RegistryError('MANIFEST_INVALID', {
    status: 413,
    message: `the manifest is larger than the limit of ${MANIFEST_LIMIT_BYTES} bytes`,
  })
}

/** @throws {RegistryError} with status 400 for any `?cascade=` but `unreachable`, and for one with a tag */
function cascadeOf(c: Context<AppEnv>, reference: ManifestReference): ManifestDeletion['cascade'] {
  const [value, ...more] = c.req.queries('cascade') ?? []
  if (value === undefined) return 'tags'
  if (value === 'unreachable' && more.length === 0 && 'digest' in reference) return value
  throw new RegistryError('UNSUPPORTED', {
    status: 400,
    message:
      'tag' in reference
        ? 'cascade: not allowed with a tag, because only the tag is deleted'
        : 'cascade: expected "unreachable" once',
  })
}

/** The headers that a 304 has in common with the 200 (RFC 9110, 15.4.5). */
function cacheHeaders(digest: Digest): Record<string, string> {
  return {
    'Docker-Content-Digest': digest,
    ETag: entityTag(digest),
    'Cache-Control': 'no-transform',
  }
}
