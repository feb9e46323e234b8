/** Parses the requests of an upload, and makes responses of the session's answers. */

import type { Context } from 'hono'
import { formatCommitted, parseContentRange } from '../../lib/range.ts'
import { RegistryError } from '../../oci/errors.ts'
import { signingKey } from '../../store/access/signing-keys.ts'
import { newStorageKey } from '../../store/bytes/blob-store.ts'
import type { Database } from '../../store/database/database.ts'
import { Memory } from '../../store/database/memory.ts'
import { registryId } from '../../store/registry/registry.ts'
import type { Chunk, SessionAnswer, SessionRequest } from '../../uploads/chunk.ts'
import { countedSession } from '../../uploads/counted-session.ts'
import {
  formatUploadId,
  type Upload,
  type UploadOwner,
  verifyUploadId,
} from '../../uploads/upload-id.ts'
import type { UploadSession } from '../../uploads/upload-session.ts'
import type { AppEnv } from '../middleware/context.ts'
import { location } from '../middleware/locations.ts'

/** The signing key never changes, so each isolate reads it once. */
const keys = new Memory<CryptoKey>(Number.POSITIVE_INFINITY)

function uploadKey(db: Database): Promise<CryptoKey> {
  return keys.of(db, () => signingKey(db, 'uploads'))
}

function ownerOf(c: Context<AppEnv>): UploadOwner {
  return { repository: c.get('repository'), subject: c.get('caller').subject }
}

/** @throws {RegistryError} BLOB_UPLOAD_UNKNOWN unless the upload id in the path was issued to this repository and subject */
export async function openUpload(c: Context<AppEnv>): Promise<Upload> {
  const key = await uploadKey(c.get('db'))
  const upload = await verifyUploadId(key, ownerOf(c), c.get('reference'))
  if (upload === null) throw unknownUpload()
  c.set('uploadName', upload.name)
  return upload
}

/** The Durable Object of an upload. Calls to it are counted. */
export function sessionOf(c: Context<AppEnv>, { name }: Upload): DurableObjectStub<UploadSession> {
  return countedSession(c.env.UPLOADS.getByName(name), c.get('usage'))
}

/** The description of the upload for its session. */
export async function sessionRequest(
  c: Context<AppEnv>,
  { kind, algorithm }: Upload,
): Promise<SessionRequest> {
  const storageKey = newStorageKey(await registryId(c.get('db')), 'blobs')
  return { kind, algorithm, storageKey }
}

/**
 * The chunk in a request.
 * @throws {RegistryError} RANGE_INVALID for a malformed Content-Range; SIZE_INVALID if it contradicts Content-Length
 */
export function readChunk(c: Context<AppEnv>): Chunk {
  const contentLength = c.req.header('Content-Length')
  const contentRange = c.req.header('Content-Range')
  const body = contentLength === '0' ? null : c.req.raw.body
  const declared = contentLength === undefined ? null : Number(contentLength)
  const length = body === null ? 0 : declared
  if (contentRange === undefined) return { body, start: null, length }

  const range = parseContentRange(contentRange)
  if (range === null) {
    throw new RegistryError('RANGE_INVALID', {
      message: 'the Content-Range of a chunk must be <start>-<end>, both inclusive',
      detail: contentRange.slice(0, 256),
    })
  }
  const ranged = range.end - range.start + 1
  if (length !== null && length !== ranged) {
    throw new RegistryError('SIZE_INVALID', {
      message: `Content-Range names ${ranged} bytes, the body has ${length}`,
    })
  }
  return { body, start: range.start, length: ranged }
}

/**
 * The headers that tell a client how far its upload is, and the URL to continue at. Until bytes have come, the id stays a fresh one.
 * Afterwards it must not be: a PUT with the last bytes to a fresh id would be taken as the whole blob.
 */
export async function progressHeaders(
  c: Context<AppEnv>,
  { kind, ...upload }: Upload,
  offset: number,
): Promise<Record<string, string>> {
  const key = await uploadKey(c.get('db'))
  const next: Upload = { ...upload, kind: offset > 0 ? 'begun' : kind }
  const id = await formatUploadId(key, ownerOf(c), next)
  return {
    Location: location(c, `/v2/${c.get('repository')}/blobs/uploads/${id}`),
    Range: formatCommitted(offset),
    'Docker-Upload-UUID': upload.name,
  }
}

/** The error for an answer of the session that is not a success. */
export async function uploadRefusal(
  c: Context<AppEnv>,
  upload: Upload,
  answer: SessionAnswer,
): Promise<RegistryError> {
  switch (answer.kind) {
    case 'range invalid':
      return new RegistryError('RANGE_INVALID', {
        message: `the chunk is out of order: the upload has ${answer.offset} bytes`,
        headers: await progressHeaders(c, upload, answer.offset),
      })
    case 'size invalid':
      return new RegistryError('SIZE_INVALID', {
        message: `the body was not as long as declared: the upload has ${answer.offset} bytes`,
        headers: await progressHeaders(c, upload, answer.offset),
      })
    case 'digest invalid':
      return new RegistryError('DIGEST_INVALID', {
        message: 'the uploaded bytes do not hash to the digest: begin a new upload',
        detail: c.req.query('digest')?.slice(0, 256) ?? '',
      })
    case 'busy':
      return unavailable('another request is using this upload')
    case 'crowded':
      return unavailable('the registry has no room for another upload now')
    default:
      return unknownUpload(upload.name)
  }
}

function unavailable(what: string): RegistryError {
  return new RegistryError('UNAVAILABLE', {
    message: `${what}: try again in a few seconds`,
    headers: { 'Retry-After': '2' },
  })
}

/** An id that was not issued to this caller is not repeated in the error. */
export function unknownUpload(name?: string): RegistryError {
  return new RegistryError(
    'BLOB_UPLOAD_UNKNOWN',
    name === undefined ? {} : { detail: { uuid: name } },
  )
}
