/** Pushing blobs: OCI distribution spec, end-4 to end-6, mounting (end-11), status (end-13) and cancelling (end-14). */
import type { Context } from 'hono'
import { BLOB_MEDIA_TYPE, type RegistryEvent } from '../events/event.ts'
import { withBody } from '../lib/read-body.ts'
import { matchesPattern } from '../lib/repository-pattern.ts'
import { algorithmOf, type Digest, isAlgorithm, parseDigest } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import { isRepositoryName } from '../oci/name.ts'
import { newStorageKey } from '../store/blob-store.ts'
import { commitBlob, mountBlob, repositoriesWithBlob, withSize } from '../store/blobs.ts'
import { registryId } from '../store/registry.ts'
import type { Chunk } from '../uploads/chunk.ts'
import { type AppEnv, factory } from './context.ts'
import { announce, blobUrl, eventOf } from './events.ts'
import { allow } from './guard.ts'
import { location } from './locations.ts'
import { settled } from './settled.ts'
import {
  endUpload,
  openUpload,
  progressHeaders,
  readChunk,
  refusal,
  startUpload,
  uploadSession,
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
  return digest === undefined ? accepted(c) : pushWhole(c, parseDigest(digest))
})

/**
 * The repository that a blob is mounted from, one that the caller may pull from; '' where there is none. No repository has that
 * name, so that what the caller may not see is looked for as in vain, and takes as long, as what is not there.
 */
async function mountSource(c: Context<AppEnv>, digest: Digest): Promise<string> {
  const { rights, visible } = c.get('caller')
  const mayPull = (name: string) => isRepositoryName(name) && rights.on(name).has('pull')
  const from = c.req.query('from')
  if (from) return mayPull(from) ? from : ''
  // A bearer token names few repositories, but says by patterns what its bearer may pull.
  const isVisible = (name: string) => visible?.some((pattern) => matchesPattern(pattern, name))
  const holders = await repositoriesWithBlob(c.get('db'), digest)
  return holders.find((name) => mayPull(name) || isVisible(name)) ?? ''
}

/** The upload that a POST began. */
export const upload = factory
  .createApp()
  .get('/', allow('push'), async (c) => {
    const { id, session } = await openUpload(c)
    const answer = await session.status(id)
    if (answer.kind !== 'open') throw refusal(c, id, answer)
    return c.body(null, 204, progressHeaders(c, id, answer.offset))
  })
  .patch('/', allow('push'), async (c) => {
    const { id, algorithm, session } = await openUpload(c)
    const answer = await session.append(id, readChunk(c), algorithm)
    if (answer.kind !== 'open') throw refusal(c, id, answer)
    return c.body(null, 202, progressHeaders(c, id, answer.offset))
  })
  .put('/', allow('push'), async (c) => {
    const digest = parseDigest(c.req.query('digest') ?? '')
    const { id, session } = await openUpload(c)
    const chunk = readChunk(c)
    const claim = fitsOneWrite(c, chunk) ? await session.claimWhole(id, digest) : 'refused'
    if (claim === 'refused') return finishUpload(c, id, digest, chunk)
    const event = pushEvent(c, digest)
    if (await writeWhole(c, digest, chunk, event)) {
      if (claim === 'first') endUpload(id)
      return pushed(c, digest, event, chunk.length)
    }
    await session.failWhole(id)
    throw refusal(c, id, { kind: 'digest invalid' })
  })
  .delete('/', allow('push'), async (c) => {
    const { id, session } = await openUpload(c)
    const answer = await session.cancel(id)
    if (answer.kind !== 'open') throw refusal(c, id, answer)
    return c.body(null, 204, { 'Docker-Upload-UUID': id })
  })

/** POST with a digest: the whole blob is in the request. */
async function pushWhole(c: Context<AppEnv>, digest: Digest): Promise<Response> {
  const chunk = readChunk(c)
  if (chunk.length === 0 || fitsOneWrite(c, chunk)) {
    const event = pushEvent(c, digest)
    if (await writeWhole(c, digest, chunk, event)) return pushed(c, digest, event, chunk.length)
    throw new RegistryError('DIGEST_INVALID', { detail: digest })
  }
  // R2 takes no body of unknown length, nor one this large: a session re-blocks it.
  return finishUpload(c, await startUpload(c, algorithmOf(digest)), digest, chunk)
}

/** The end of an upload, whose session puts all its bytes together. */
async function finishUpload(
  c: Context<AppEnv>,
  id: string,
  digest: Digest,
  chunk: Chunk,
): Promise<Response> {
  const event = pushEvent(c, digest)
  const session = uploadSession(c, id)
  const answer = await session.finish(id, c.get('repository'), digest, chunk, event)
  if (answer.kind !== 'created') throw refusal(c, id, answer)
  // What an earlier request had done, it had ended, too.
  if (answer.size !== null) endUpload(id)
  return pushed(c, digest, event, answer.size)
}

/** R2 wants to know the length from the body itself: a Content-Range on a chunked one is no Content-Length. */
function fitsOneWrite(c: Context<AppEnv>, { start, length }: Chunk): boolean {
  const isKnown = length !== null && c.req.header('Content-Length') !== undefined
  return isKnown && length > 0 && length <= SINGLE_WRITE_BYTES && (start ?? 0) === 0
}

/**
 * The whole blob, with known digest and length: R2 checks the digest while it stores the body; nothing is buffered or hashed
 * here, and no session is needed.
 * @returns false, with nothing stored, where the bytes do not hash to `digest`
 */
async function writeWhole(
  c: Context<AppEnv>,
  digest: Digest,
  { body, length }: Chunk,
  event: RegistryEvent,
): Promise<boolean> {
  const blobStore = c.get('blobStore')
  const storageKey = newStorageKey(await registryId(c.get('db')), 'blobs')
  const size = length ?? 0
  const written = await (body === null
    ? blobStore.write(storageKey, new Uint8Array(0), digest)
    : withBody(body, size, (bytes) => blobStore.write(storageKey, bytes, digest)))
  if (!written) return false
  const blob = { digest, size, storageKey }
  const committed = commitBlob(c.get('db'), c.get('repository'), blob, event)
  if ((await settled(c, committed)) !== 'buried') return true
  throw new Error(`the fresh storage key ${storageKey} is buried`)
}

async function accepted(c: Context<AppEnv>): Promise<Response> {
  const algorithm = c.req.query('digest-algorithm') ?? 'sha256'
  if (!isAlgorithm(algorithm)) {
    throw new RegistryError('DIGEST_INVALID', {
      message: 'unsupported digest-algorithm: it may be sha256 or sha512',
      detail: algorithm.slice(0, 256),
    })
  }
  const id = await startUpload(c, algorithm)
  return c.body(null, 202, progressHeaders(c, id, 0))
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
