/** Pushing blobs: OCI distribution spec, end-4 to end-6, mounting (end-11), status (end-13) and cancelling (end-14). */
import type { Context } from 'hono'
import { BLOB_MEDIA_TYPE, type RegistryEvent } from '../events/event.ts'
import { operationId } from '../lib/operation-id.ts'
import { BodyCutOff, withBody } from '../lib/read-body.ts'
import {
  algorithmOf,
  type Digest,
  isAlgorithm,
  isDigestOfNothing,
  parseDigest,
} from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import { isRepositoryName } from '../oci/name.ts'
import { type BlobBody, newStorageKey } from '../store/blob-store.ts'
import { commitBlob, findBlob, mountBlob, repositoryWithBlob, withSize } from '../store/blobs.ts'
import { registryId } from '../store/registry.ts'
import { buryOnError } from '../store/tombstones.ts'
import type { Chunk } from '../uploads/chunk.ts'
import { newUpload, type Upload } from '../uploads/upload-id.ts'
import { type AppEnv, factory } from './context.ts'
import { announce, blobUrl, eventOf } from './events.ts'
import { allow } from './guard.ts'
import { location } from './locations.ts'
import { settled } from './settled.ts'
import {
  openUpload,
  progressHeaders,
  readChunk,
  refusal,
  sessionOf,
  sessionRequest,
  unknownUpload,
} from './upload-requests.ts'

/** R2 writes an object of up to 5 GiB in one go. */
const SINGLE_WRITE_BYTES = 4.9 * 1024 ** 3

/** POST: a blob in one request, a mount, or a new upload. */
export const uploads = factory.createApp().post('/', allow('push'), async (c) => {
  const mount = c.req.query('mount')
  if (mount !== undefined) {
    const digest = parseDigest(mount)
    const from = await mountSource(c, digest)
    const event = eventOf(c, 'mount', { ...blobTarget(c, digest), fromRepository: from })
    const mounted = await settled(
      c,
      mountBlob(c.get('db'), c.get('repository'), digest, from, event),
    )
    // A mount that fails is an upload that begins, whatever the reason.
    if (!mounted) return accepted(c)
    announce(c, [event])
    return created(c, digest)
  }
  const digest = c.req.query('digest')
  return digest === undefined ? accepted(c) : pushInPost(c, parseDigest(digest))
})

/**
 * The repository that a blob is mounted from, one that the caller may pull from; '' where there is none. No repository has that
 * name, so that what the caller may not see is looked for as in vain, and takes as long, as what is not there.
 */
async function mountSource(c: Context<AppEnv>, digest: Digest): Promise<string> {
  const { rights, visible } = c.get('caller')
  const from = c.req.query('from')
  if (from) return isRepositoryName(from) && rights.on(from).has('pull') ? from : ''
  // A bearer token names few repositories, but says by patterns what its bearer may pull.
  const patterns = [...rights.pullable, ...(visible ?? [])]
  return (await repositoryWithBlob(c.get('db'), digest, patterns)) ?? ''
}

/** The upload that a POST began. */
export const upload = factory
  .createApp()
  .get('/', allow('push'), async (c) => {
    const upload = await openUpload(c)
    const answer = await sessionOf(c, upload).status(upload)
    if (answer.kind !== 'open') throw await refusal(c, upload, answer)
    return c.body(null, 204, await progressHeaders(c, upload, answer.offset))
  })
  .patch('/', allow('push'), async (c) => {
    const upload = await openUpload(c)
    const request = await sessionRequest(c, upload)
    const answer = await sessionOf(c, upload).append(request, readChunk(c))
    if (answer.kind !== 'open') throw await refusal(c, upload, answer)
    return c.body(null, 202, await progressHeaders(c, upload, answer.offset))
  })
  .put('/', allow('push'), async (c) => {
    const digest = parseDigest(c.req.query('digest') ?? '')
    const upload = await openUpload(c)
    const chunk = readChunk(c)
    if (upload.kind === 'begun' || !isWhole(c, chunk, digest)) {
      return finishUpload(c, upload, digest, chunk)
    }
    return pushWhole(c, digest, chunk, await closingEvent(c, upload, digest))
  })
  .delete('/', allow('push'), async (c) => {
    const upload = await openUpload(c)
    const answer = await sessionOf(c, upload).cancel(upload)
    if (answer.kind !== 'open') throw await refusal(c, upload, answer)
    return c.body(null, 204, { 'Docker-Upload-UUID': upload.name })
  })

/** The end of an upload, whose session puts all its bytes together. */
async function finishUpload(
  c: Context<AppEnv>,
  upload: Upload,
  digest: Digest,
  chunk: Chunk,
): Promise<Response> {
  const event = await closingEvent(c, upload, digest)
  const request = await sessionRequest(c, upload)
  const closing = { repository: c.get('repository'), digest, event }
  const answer = await sessionOf(c, upload).finish(request, chunk, closing)
  if (answer.kind !== 'created') throw await refusal(c, upload, answer)
  return pushed(c, digest, event, answer.size)
}

/**
 * Whether the request has a whole blob, which needs no session. R2 wants to know the length from the body itself: a Content-Range
 * on a chunked one is no Content-Length. A closing PUT without a body has the whole blob only where that is empty.
 */
function isWhole(c: Context<AppEnv>, { body, start, length }: Chunk, digest: Digest): boolean {
  if (body === null) return isDigestOfNothing(digest)
  const isKnown = length !== null && c.req.header('Content-Length') !== undefined
  return isKnown && length <= SINGLE_WRITE_BYTES && (start ?? 0) === 0
}

/**
 * Pushes a blob whose bytes are all in the request.
 * @throws {RegistryError} DIGEST_INVALID, with nothing stored
 */
async function pushWhole(
  c: Context<AppEnv>,
  digest: Digest,
  chunk: Chunk,
  event: RegistryEvent,
): Promise<Response> {
  const size = chunk.length ?? 0
  // Once begun, the write is brought to its commit even where the client leaves.
  const outcome = await settled(c, writeWhole(c, digest, { ...chunk, size }, event))
  if (outcome === 'digest invalid') throw new RegistryError('DIGEST_INVALID', { detail: digest })
  if (outcome instanceof BodyCutOff) throw outcome
  // The same PUT had succeeded before; since then the blob may have been deleted.
  const isGone =
    outcome === 'repeated' && (await findBlob(c.get('db'), c.get('repository'), digest)) === null
  if (isGone) throw unknownUpload()
  return pushed(c, digest, event, outcome === 'committed' ? size : null)
}

/** R2 checks the digest while it stores the body: nothing is buffered or hashed here. */
async function writeWhole(
  c: Context<AppEnv>,
  digest: Digest,
  { body, size }: { body: Chunk['body']; size: number },
  event: RegistryEvent,
): Promise<'committed' | 'repeated' | 'digest invalid' | BodyCutOff> {
  const db = c.get('db')
  const blobStore = c.get('blobStore')
  const storageKey = newStorageKey(await registryId(db), 'blobs')
  const write = (bytes: BlobBody) => blobStore.write(storageKey, bytes, digest)
  return buryOnError(db, storageKey, async () => {
    const written = await (body === null
      ? write(new Uint8Array(0))
      : withBody(body, size, write).catch(cutOff))
    // Of a body that broke off, and of one with the wrong digest, nothing is stored.
    if (written instanceof BodyCutOff) return written
    if (!written) return 'digest invalid'
    const committed = await commitBlob(db, c.get('repository'), { digest, size, storageKey }, event)
    if (committed !== 'buried') return committed
    throw new Error(`the fresh storage key ${storageKey} is buried`)
  })
}

function cutOff(error: unknown): BodyCutOff {
  if (error instanceof BodyCutOff) return error
  throw error
}

/** POST with a digest: the blob is in the request. */
async function pushInPost(c: Context<AppEnv>, digest: Digest): Promise<Response> {
  const chunk = readChunk(c)
  if (chunk.body === null || isWhole(c, chunk, digest)) {
    return pushWhole(c, digest, chunk, pushEvent(c, digest))
  }
  // R2 takes no body of unknown length, nor one this large: a session re-blocks it.
  return finishUpload(c, newUpload(algorithmOf(digest)), digest, chunk)
}

async function accepted(c: Context<AppEnv>): Promise<Response> {
  const algorithm = c.req.query('digest-algorithm') ?? 'sha256'
  if (!isAlgorithm(algorithm)) {
    throw new RegistryError('DIGEST_INVALID', {
      message: 'unsupported digest-algorithm: it may be sha256 or sha512',
      detail: algorithm.slice(0, 256),
    })
  }
  return c.body(null, 202, await progressHeaders(c, newUpload(algorithm), 0))
}

/** The event of a closing PUT: the same operation however often it is sent. */
async function closingEvent(
  c: Context<AppEnv>,
  { name }: Upload,
  digest: Digest,
): Promise<RegistryEvent> {
  return { ...pushEvent(c, digest), id: await operationId(name, digest) }
}

/** The event of a push, whose size is not known before its end. */
function pushEvent(c: Context<AppEnv>, digest: Digest): RegistryEvent {
  return eventOf(c, 'push', blobTarget(c, digest))
}

/** Answers a push, and announces it unless it only repeats an earlier one (`size` is null). */
function pushed(
  c: Context<AppEnv>,
  digest: Digest,
  event: RegistryEvent,
  size: number | null,
): Response {
  if (size !== null) announce(c, [withSize(event, size)])
  return created(c, digest)
}

function created(c: Context<AppEnv>, digest: Digest): Response {
  return c.body(null, 201, {
    Location: location(c, blobPath(c, digest)),
    'Docker-Content-Digest': digest,
  })
}

function blobTarget(c: Context<AppEnv>, digest: Digest) {
  return { mediaType: BLOB_MEDIA_TYPE, digest, url: blobUrl(c, digest) }
}

function blobPath(c: Context<AppEnv>, digest: Digest): string {
  return `/v2/${c.get('repository')}/blobs/${digest}`
}
