/** Blobs: pulling (OCI distribution spec, end-2) and deleting (end-10). */
import { BLOB_MEDIA_TYPE } from '../events/event.ts'
import { entityTag, noneMatch, rangeApplies } from '../lib/conditional.ts'
import { parseRange, RANGES_AT_MOST } from '../lib/range.ts'
import { parseDigest } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import { findBlob, unlinkBlob } from '../store/blobs.ts'
import { EdgeCache } from '../store/edge-cache.ts'
import { redirectUrl } from './blob-redirect.ts'
import { manyRanges, oneRange, wholeBody } from './byte-ranges.ts'
import { factory } from './context.ts'
import { announce, blobUrl, eventOf, notePull } from './events.ts'
import { allow } from './guard.ts'
import { inUse } from './in-use.ts'
import { digestKey, noteDeleted, readNearest } from './nearest.ts'
import { settled } from './settled.ts'

/** A blob may be a page with a script: a browser that opens it must not run it in the registry's origin. */
const DOWNLOAD_ONLY = {
  'Content-Disposition': 'attachment',
  'Content-Security-Policy': "sandbox; default-src 'none'",
}

export const blobs = factory
  .createApp()
  .get('/', allow('pull'), async (c) => {
    const digest = parseDigest(c.get('reference'))
    const repository = c.get('repository')
    const settings = c.get('settings')
    const keepAlive = (work: Promise<unknown>) => c.executionCtx.waitUntil(work)
    const cache = new EdgeCache(c.get('blobStore'), c.get('usage'), keepAlive)
    if (c.req.method === 'GET') cache.announce(digest)
    const blob = await readNearest(c, digestKey(repository, digest), (db) =>
      findBlob(db, repository, digest),
    )
    if (blob === null) throw new RegistryError('BLOB_UNKNOWN', { detail: digest })

    const { size, storageKey } = blob
    const headers = {
      'Docker-Content-Digest': digest,
      ETag: entityTag(digest),
      'Accept-Ranges': 'bytes',
      // no-transform: an edge that compresses would drop the Content-Length that clients need.
      'Cache-Control': 'max-age=31536000, immutable, no-transform',
    }
    if (noneMatch(c.req.header('If-None-Match'), digest)) return c.body(null, 304, headers)

    const whole = {
      ...headers,
      'Content-Type': 'application/octet-stream',
      'Content-Length': String(size),
      ...DOWNLOAD_ONLY,
    }
    const target = () => ({ mediaType: BLOB_MEDIA_TYPE, size, digest, url: blobUrl(c, digest) })
    if (c.req.method === 'HEAD') {
      notePull(c, 'blobs', target)
      return c.body(null, 200, whole)
    }

    const source = { cache, key: storageKey, size }
    const rangeHeader = c.req.header('Range')
    const ranges =
      rangeHeader !== undefined && rangeApplies(c.req.header('If-Range'), digest)
        ? parseRange(rangeHeader, size)
        : null
    if (ranges === 'unsatisfiable' || ranges === 'too many') {
      throw new RegistryError('RANGE_INVALID', {
        message:
          ranges === 'too many'
            ? `a request may name ${RANGES_AT_MOST} ranges at most`
            : `the blob has ${size} bytes`,
        headers: { 'Content-Range': `bytes */${size}` },
      })
    }
    notePull(c, 'blobs', target)
    // R2 answers several ranges with the whole object.
    const elsewhere =
      ranges !== null && ranges.length > 1
        ? null
        : await redirectUrl(settings.blobRedirect, storageKey, size)
    if (elsewhere !== null) {
      return c.body(null, 307, { ...headers, Location: elsewhere, 'Cache-Control': 'no-store' })
    }
    if (ranges === null) return c.body(await wholeBody(source), 200, whole)
    const [only, ...others] = ranges
    const ranged =
      only !== undefined && others.length === 0
        ? await oneRange(source, only)
        : manyRanges(source, ranges, keepAlive)
    return c.body(ranged.body, 206, { ...headers, ...ranged.headers, ...DOWNLOAD_ONLY })
  })
  .delete('/', allow('delete'), async (c) => {
    const digest = parseDigest(c.get('reference'))
    const event = eventOf(c, 'delete', { digest, kind: 'blob' })
    const db = c.get('db')
    const repository = c.get('repository')
    const [outcome] = await Promise.all([
      settled(c, unlinkBlob(db, repository, digest, event)),
      noteDeleted(c, digestKey(repository, digest)),
    ])
    if (outcome === 'unknown') throw new RegistryError('BLOB_UNKNOWN', { detail: digest })
    if (outcome === 'in use') throw await inUse(c, 'blob', digest)
    announce(c, [event])
    return c.body(null, 202, { 'Docker-Content-Digest': digest })
  })
