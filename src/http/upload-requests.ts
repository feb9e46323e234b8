/** What an upload's requests say of themselves, and what the session's answers look like. */

import type { Context } from 'hono'
import { formatCommitted, parseContentRange } from '../lib/range.ts'
import type { Algorithm } from '../oci/digest.ts'
import { RegistryError } from '../oci/errors.ts'
import type { Database } from '../store/database.ts'
import { Memory } from '../store/memory.ts'
import { signingKey } from '../store/signing-keys.ts'
import type { Chunk, SessionAnswer } from '../uploads/chunk.ts'
import { countedSession } from '../uploads/counted-session.ts'
import { freeSessions } from '../uploads/session-name.ts'
import {
  newUploadId,
  sessionNameOf,
  type UploadOwner,
  verifyUploadId,
} from '../uploads/upload-id.ts'
import type { UploadSession } from '../uploads/upload-session.ts'
import type { AppEnv } from './context.ts'
import { location } from './locations.ts'

/** The signing key never changes: each isolate asks for it once. */
const keys = new Memory<CryptoKey>(Number.POSITIVE_INFINITY)

function uploadKey(db: Database): Promise<CryptoKey> {
  return keys.of(db, () => signingKey(db, 'uploads'))
}

/** A new upload's id. No Durable Object is asked: one comes into being with the first bytes. */
export async function startUpload(c: Context<AppEnv>, algorithm: Algorithm): Promise<string> {
  const key = await uploadKey(c.get('db'))
  return newUploadId(key, ownerOf(c), algorithm, freeSessions.take())
}

/** The upload is committed, by this very request: its object may have another one. */
export function endUpload(id: string): void {
  freeSessions.give(sessionNameOf(id))
}

function ownerOf(c: Context<AppEnv>): UploadOwner {
  return { repository: c.get('repository'), subject: c.get('caller').subject }
}

export interface Upload {
  id: string
  algorithm: Algorithm
  session: DurableObjectStub<UploadSession>
}

/** @throws {RegistryError} BLOB_UPLOAD_UNKNOWN unless this repository and subject were given the path's upload id */
export async function openUpload(c: Context<AppEnv>): Promise<Upload> {
  const id = c.get('reference')
  const algorithm = await verifyUploadId(await uploadKey(c.get('db')), ownerOf(c), id)
  if (algorithm === null) throw unknownUpload(id)
  return { id, algorithm, session: uploadSession(c, id) }
}

/** The Durable Object of an upload; calls of it count. */
export function uploadSession(c: Context<AppEnv>, id: string): DurableObjectStub<UploadSession> {
  return countedSession(c.env.UPLOADS.getByName(sessionNameOf(id)), c.get('usage'))
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

/** The headers that tell a client how far its upload is and where it goes on. */
export function progressHeaders(
  c: Context<AppEnv>,
  id: string,
  offset: number,
): Record<string, string> {
  return {
    Location: location(c, `/v2/${c.get('repository')}/blobs/uploads/${id}`),
    Range: formatCommitted(offset),
    'Docker-Upload-UUID': id,
  }
}

/** What the client is told when the session did not do what was asked. */
export function refusal(c: Context<AppEnv>, id: string, answer: SessionAnswer): RegistryError {
  switch (answer.kind) {
    case 'range invalid':
      return new RegistryError('RANGE_INVALID', {
        message: `the chunk is out of order: the upload has ${answer.offset} bytes`,
        headers: progressHeaders(c, id, answer.offset),
      })
    case 'size invalid':
      return new RegistryError('SIZE_INVALID', {
        message: `the body was not as long as declared: the upload has ${answer.offset} bytes`,
        headers: progressHeaders(c, id, answer.offset),
      })
    case 'digest invalid':
      return new RegistryError('DIGEST_INVALID', {
        message: 'the uploaded bytes do not hash to the digest: the upload is ended',
        detail: c.req.query('digest')?.slice(0, 256) ?? '',
      })
    default:
      return unknownUpload(id)
  }
}

function unknownUpload(id: string): RegistryError {
  return new RegistryError('BLOB_UPLOAD_UNKNOWN', { detail: { uuid: id.slice(0, 256) } })
}
