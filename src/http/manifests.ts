/** Manifests: pulling (OCI distribution spec, end-3), pushing (end-7) and deleting (end-9). */
import type { Context } from 'hono'
import { entityTag, noneMatch } from '../lib/conditional.ts'
import type { Digest } from '../oci/digest.ts'
import { parseTag } from '../oci/name.ts'
import { findManifestByDigest, type StoredManifest } from '../store/manifests.ts'
import { type AppEnv, factory } from './context.ts'
import { cascadeOf, deleteManifest, deleteTag } from './delete-manifest.ts'
import { announce, manifestUrl, notePull } from './events.ts'
import { allow } from './guard.ts'
import { location } from './locations.ts'
import { readManifestBytes, resolvePlatform } from './manifest-content.ts'
import { parseReference, unknownManifest } from './manifest-reference.ts'
import { digestKey, readNearest } from './nearest.ts'
import { pushManifest } from './push-manifest.ts'
import { readTag } from './tag-reads.ts'

export const manifests = factory
  .createApp()
  .get('/', allow('pull'), async (c) => {
    const reference = parseReference(c.get('reference'))
    const stored =
      'digest' in reference
        ? await readDigest(c, reference.digest)
        : await readTag(c, reference.tag)
    if (stored === null) throw unknownManifest(reference)
    const byTag = 'tag' in reference
    if (byTag) c.header('Vary', 'Accept', { append: true })
    const served = byTag ? await resolvePlatform(c, stored) : stored
    // The validator is that of the representation which Accept selects.
    if (noneMatch(c.req.header('If-None-Match'), served.digest)) {
      return c.body(null, 304, cacheHeaders(served.digest))
    }
    const answer = await respond(c, served)
    notePull(c, 'manifests', () => {
      const { mediaType, size, digest } = served
      return { mediaType, size, digest, ...reference, url: manifestUrl(c, digest) }
    })
    return answer
  })
  .put('/', allow('push'), async (c) => {
    const reference = parseReference(c.get('reference'))
    const tags = [...new Set(c.req.queries('tag') ?? [])].map(parseTag)
    const allTags = 'tag' in reference ? [...new Set([reference.tag, ...tags])] : tags
    const pushed = await pushManifest(c, { path: reference, tags: allTags })
    const { digest } = pushed
    announce(c, pushed.events)
    c.header('Location', location(c, `/v2/${c.get('repository')}/manifests/${digest}`))
    c.header('Docker-Content-Digest', digest)
    if (pushed.subject !== null) c.header('OCI-Subject', pushed.subject)
    for (const tag of tags) c.header('OCI-Tag', tag, { append: true })
    return c.body(null, 201)
  })
  .delete('/', allow('delete'), async (c) => {
    const reference = parseReference(c.get('reference'))
    const cascade = cascadeOf(c, reference)
    if ('tag' in reference) await deleteTag(c, reference)
    else await deleteManifest(c, reference, cascade)
    return c.body(null, 202)
  })

function readDigest(c: Context<AppEnv>, digest: Digest): Promise<StoredManifest | null> {
  const repository = c.get('repository')
  return readNearest(c, digestKey(repository, digest), (db) =>
    findManifestByDigest(db, repository, digest),
  )
}

async function respond(c: Context<AppEnv>, manifest: StoredManifest): Promise<Response> {
  const headers = {
    ...cacheHeaders(manifest.digest),
    'Content-Type': manifest.mediaType,
    'Content-Length': String(manifest.size),
  }
  if (c.req.method === 'HEAD') return c.body(null, 200, headers)
  const { content } = manifest
  const body =
    'payload' in content ? content.payload : await readManifestBytes(c, content, manifest.size)
  return c.body(body, 200, headers)
}

/** What a 304 carries as the 200 does (RFC 9110, 15.4.5). */
function cacheHeaders(digest: Digest): Record<string, string> {
  return {
    'Docker-Content-Digest': digest,
    ETag: entityTag(digest),
    'Cache-Control': 'no-transform',
  }
}
