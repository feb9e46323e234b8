/** Pushing blobs: OCI distribution spec, end-4 to end-6, mounting (end-11), status (end-13) and cancelling (end-14). */
import type { Context } from 'hono'
import { operationId } from '../../lib/operation-id.ts'
import {
  algorithmOf,
  type Digest,
  isAlgorithm,
  isDigestOfNothing,
  parseDigest,
} from '../../oci/digest.ts'
import { RegistryError } from '../../oci/errors.ts'
import { isRepositoryName } from '../../oci/name.ts'
import { type MountSource, mountBlob } from '../../registry/blobs/mount-blob.ts'
import { pushBlob } from '../../registry/blobs/push-blob.ts'
import type { Chunk } from '../../uploads/chunk.ts'
import { newUpload, type Upload } from '../../uploads/upload-id.ts'
import { type AppEnv, factory } from '../middleware/context.ts'
import { allow } from '../middleware/guard.ts'
import { location } from '../middleware/locations.ts'
import { registryContext } from '../middleware/registry-context.ts'
import {
  openUpload,
  progressHeaders,
  readChunk,
  sessionOf,
  sessionRequest,
  unknownUpload,
  uploadRefusal,
} from './upload-requests.ts'

/** POST: a blob in one request, a mount, or a new upload. */
export const uploads = factory.createApp().post('/', allow('push'), async (c) => {
  const mount = c.req.query('mount')
  if (mount !== undefined) {
    const digest = parseDigest(mount)
    const mounted = await mountBlob(registryContext(c), digest, mountSource(c))
    // If a mount fails, for whatever reason, an upload begins.
    return mounted ? created(c, digest) : accepted(c)
  }
  const digest = c.req.query('digest')
  return digest === undefined ? accepted(c) : pushInPost(c, parseDigest(digest))
})

function mountSource(c: Context<AppEnv>): MountSource {
  const { rights, visible } = c.get('caller')
  const from = c.req.query('from')
  // A bearer token names few repositories, but lists the patterns that its bearer may pull.
  if (!from) return { pullable: [...rights.pullable, ...(visible ?? [])] }
  const mayMount = isRepositoryName(from) && rights.on(from).has('pull')
  return { from: mayMount ? from : '' }
}

/** The upload that a POST began. */
export const upload = factory
  .createApp()
  .get('/', allow('push'), async (c) => {
    const upload = await openUpload(c)
    const answer = await sessionOf(c, upload).status(upload)
    if (answer.kind !== 'open') throw await uploadRefusal(c, upload, answer)
    return c.body(null, 204, await progressHeaders(c, upload, answer.offset))
  })
  .patch('/', allow('push'), async (c) => {
    const upload = await openUpload(c)
    const request = await sessionRequest(c, upload)
    const answer = await sessionOf(c, upload).append(request, readChunk(c))
    if (answer.kind !== 'open') throw await uploadRefusal(c, upload, answer)
    return c.body(null, 202, await progressHeaders(c, upload, answer.offset))
  })
  .put('/', allow('push'), async (c) => {
    const digest = parseDigest(c.req.query('digest') ?? '')
    const upload = await openUpload(c)
    const chunk = readChunk(c)
    // The id is the same however often the request is sent.
    const operation = await operationId(upload.name, digest)
    if (upload.kind === 'begun' || !isWhole(c, chunk, digest)) {
      return finishUpload(c, upload, digest, chunk, operation)
    }
    return pushWhole(c, digest, chunk, operation)
  })
  .delete('/', allow('push'), async (c) => {
    const upload = await openUpload(c)
    const answer = await sessionOf(c, upload).cancel(upload)
    if (answer.kind !== 'open') throw await uploadRefusal(c, upload, answer)
    return c.body(null, 204, { 'Docker-Upload-UUID': upload.name })
  })

/** Ends an upload: its session joins all its bytes. */
async function finishUpload(
  c: Context<AppEnv>,
  upload: Upload,
  digest: Digest,
  chunk: Chunk,
  operation: string,
): Promise<Response> {
  const request = await sessionRequest(c, upload)
  const { repository, by } = registryContext(c)
  const closing = { repository, by, digest, operation }
  const answer = await sessionOf(c, upload).finish(request, chunk, closing)
  if (answer.kind !== 'created') throw await uploadRefusal(c, upload, answer)
  return created(c, digest)
}

/**
 * Whether the request has the whole blob, and so needs no session. R2 requires the length of the body itself: a Content-Range on a chunked
 * body is not enough. A closing PUT without a body has the whole blob only if the blob is empty.
 */
function isWhole(c: Context<AppEnv>, { body, start, length }: Chunk, digest: Digest): boolean {
  if (body === null) return isDigestOfNothing(digest)
  const isKnown = length !== null && c.req.header('Content-Length') !== undefined
  return isKnown && length <= c.get('blobStore').limits.wholeBytes && (start ?? 0) === 0
}

async function pushWhole(
  c: Context<AppEnv>,
  digest: Digest,
  { body, length }: Chunk,
  operation: string,
): Promise<Response> {
  const blob = { digest, body, size: length ?? 0 }
  if ((await pushBlob(registryContext(c), blob, operation)) === 'gone') throw unknownUpload()
  return created(c, digest)
}

/** POST with a digest: the blob is in the request. */
async function pushInPost(c: Context<AppEnv>, digest: Digest): Promise<Response> {
  const chunk = readChunk(c)
  const operation = crypto.randomUUID()
  if (chunk.body === null || isWhole(c, chunk, digest)) {
    return pushWhole(c, digest, chunk, operation)
  }
  // R2 accepts no body of unknown length, and none this large. A session splits it into parts.
  return finishUpload(c, newUpload(algorithmOf(digest)), digest, chunk, operation)
}

async function accepted(c: Context<AppEnv>): Promise<Response> {
  const algorithm = c.req.query('digest-algorithm') ?? 'sha256'
  if (!isAlgorithm(algorithm)) {
    throw new RegistryError('DIGEST_INVALID', {
      message: 'unsupported digest-algorithm: use sha256 or sha512',
      detail: algorithm.slice(0, 256),
    })
  }
  return c.body(null, 202, await progressHeaders(c, newUpload(algorithm), 0))
}

function created(c: Context<AppEnv>, digest: Digest): Response {
  return c.body(null, 201, {
    Location: location(c, `/v2/${c.get('repository')}/blobs/${digest}`),
    'Docker-Content-Digest': digest,
  })
}
