/** What an upload's requests say of themselves, and what the session's answers look like. */

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

/** The signing key never changes: each isolate asks for it once. */
const keys = new Memory<CryptoKey>(Number.POSITIVE_INFINITY)

function uploadKey(db: Database): Promise<CryptoKey> {
  return keys.of(db, () => signingKey(db, 'uploads'))
}

function ownerOf(c: Context<AppEnv>): UploadOwner {
  return { repository: c.get('repository'), subject: c.get('caller').subject }
}

/** @throws {RegistryError} BLOB_UPLOAD_UNKNOWN unless this repository and subject were given the path's upload id */
export async function openUpload(c: Context<AppEnv>): Promise<Upload> {
  const key = await uploadKey(c.get('db'))
  const upload = await verifyUploadId(key, ownerOf(c), c.get('reference'))
  if (upload === null) throw unknownUpload()
  c.set('uploadName', upload.name)
  return upload
}

/** The Durable Object of an upload; calls of it count. */
export function sessionOf(c: Context<AppEnv>, { name }: Upload): DurableObjectStub<UploadSession> {
  return countedSession(c.env.UPLOADS.getByName(name), c.get('usage'))
}

/** What the session is told of the upload. */
export async function sessionRequest(
  c: Context<AppEnv>,
  { kind, algorithm }: Upload,
): Promise<SessionRequest> {
  const storageKey = newStorageKey(await registryId(c.get('db')), 'blobs')
  return { kind, algorithm, storageKey }
}

/**
 * The chunk that a request carries.
 * @throws {RegistryError} RANGE_INVALID for a malformed Content-Range, SIZE_INVALID where it contradicts Content-Length
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
      message: 'Content-Range of a chunk is <start>-<end>, both inclusive',
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
 * The headers that tell a client how far its upload is and where it goes on. A fresh id is answered while nothing came: a PUT with
 * the last bytes of an upload on a fresh id would be taken for the whole blob.
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

/** What the client is told when the session did not do what was asked. */
export async function refusal(
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
        message: 'the uploaded bytes do not hash to the digest: the upload is ended',
        detail: c.req.query('digest')?.slice(0, 256) ?? '',
      })
    case 'busy':
      return unavailable('another request is at work on this upload')
    case 'crowded':
      return unavailable('the registry receives as many uploads as it has room for')
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

/** An id that was not given to this caller is not repeated: only its signed part would say whose it is. */
export function unknownUpload(name?: string): RegistryError {
  return new RegistryError(
    'BLOB_UPLOAD_UNKNOWN',
    name === undefined ? {} : { detail: { uuid: name } },
  )
}
