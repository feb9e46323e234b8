/** Blobs: pulling (OCI distribution spec, end-2) and deleting (end-10). */
import type { Context } from 'hono'
import { entityTag, noneMatch, rangeApplies } from '../../lib/conditional.ts'
import { parseRange, RANGES_AT_MOST, type Range } from '../../lib/range.ts'
import { parseDigest } from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import { deleteBlob } from '../../registry/blobs/delete-blob.ts'
import { type PulledBlob, pullBlob } from '../../registry/blobs/pull-blob.ts'
import { type AppEnv, factory } from '../middleware/context.ts'
import { allow } from '../middleware/guard.ts'
import { keepAliveOf, registryContext } from '../middleware/registry-context.ts'
import { redirectUrl } from './blob-redirect.ts'
import { manyRanges, oneRange } from './byte-ranges.ts'

/** A blob may be a page with a script. A browser that opens it must not run the script in the registry's origin. */
const DOWNLOAD_ONLY = {
  'Content-Disposition': 'attachment',
  'Content-Security-Policy': "sandbox; default-src 'none'",
}

export const blobs = factory
  .createApp()
  .get('/', allow('pull'), async (c) => {
    const digest = parseDigest(c.get('reference'))
    const isGet = c.req.method === 'GET'
    const blob = await pullBlob(registryContext(c), digest, isGet)
    const headers = {
      'Docker-Content-Digest': digest,
      ETag: entityTag(digest),
      'Accept-Ranges': 'bytes',
      // no-transform, because an edge that compresses would drop the Content-Length that clients need.
      'Cache-Control': 'max-age=31536000, immutable, no-transform',
    }
    if (noneMatch(c.req.header('If-None-Match'), digest)) return c.body(null, 304, headers)
    if (isGet) return send(c, blob, headers)
    blob.note()
    return c.body(null, 200, wholeHeaders(blob, headers))
  })
  .delete('/', allow('delete'), async (c) => {
    const digest = parseDigest(c.get('reference'))
    await deleteBlob(registryContext(c), digest)
    return c.body(null, 202, { 'Docker-Content-Digest': digest })
  })

type Headers = Record<string, string>

async function send(c: Context<AppEnv>, blob: PulledBlob, headers: Headers): Promise<Response> {
  const { descriptor, storageKey, open, note } = blob
  const ranges = rangesOf(c, blob)
  note()
  const isSeveral = ranges !== null && ranges.length > 1
  // R2 would answer several ranges with the whole object. What is stored here is not in the bucket.
  const elsewhere =
    isSeveral || c.get('blobStore').isNear
      ? null
      : await redirectUrl(
          c.get('settings').blobRedirect,
          c.get('hooks').blobs,
          storageKey,
          descriptor.size,
        )
  if (elsewhere !== null) {
    return c.body(null, 307, { ...headers, Location: elsewhere, 'Cache-Control': 'no-store' })
  }
  if (ranges === null) return c.body(await open(), 200, wholeHeaders(blob, headers))
  const [only, ...others] = ranges
  const ranged =
    only !== undefined && others.length === 0
      ? await oneRange(blob, only)
      : manyRanges(blob, ranges, keepAliveOf(c))
  return c.body(ranged.body, 206, { ...headers, ...ranged.headers, ...DOWNLOAD_ONLY })
}

function wholeHeaders({ descriptor }: PulledBlob, headers: Headers): Headers {
  return {
    ...headers,
    'Content-Type': 'application/octet-stream',
    'Content-Length': String(descriptor.size),
    ...DOWNLOAD_ONLY,
  }
}

/**
 * The requested ranges; null for the whole blob.
 * @throws {RegistryError} RANGE_INVALID
 */
function rangesOf(c: Context<AppEnv>, { descriptor }: PulledBlob): Range[] | null {
  const { digest, size } = descriptor
  const header = c.req.header('Range')
  if (header === undefined || !rangeApplies(c.req.header('If-Range'), digest)) return null
  const ranges = parseRange(header, size)
  if (ranges !== 'unsatisfiable' && ranges !== 'too many') return ranges
  throw new RegistryError('RANGE_INVALID', {
    message:
      ranges === 'too many'
        ? `a request may name ${RANGES_AT_MOST} ranges at most`
        : `the blob has ${size} bytes`,
    headers: { 'Content-Range': `bytes */${size}` },
  })
}
