/**
 * The upload session: one Durable Object for each upload, through which its bytes flow. A call inside the object runs on when
 * the client goes away, its storage survives what its memory does not, and its lock makes an upload take every byte once
 * and in order. OCI distribution spec, "Pushing blobs".
 */
import { DurableObject } from 'cloudflare:workers'
import { type Algorithm, algorithmOf, type Digest } from '../oci/digest.ts'
import { newStorageKey } from '../store/blob-store.ts'
import { commitBlob } from '../store/blobs.ts'
import { R2BlobStore } from '../store/r2-blob-store.ts'
import { completeUpload } from './complete.ts'
import { PartWriter } from './part-writer.ts'
import { SessionState } from './session-state.ts'

export interface UploadEnv {
  BUCKET: R2Bucket
  DB: D1Database
}

/** What a request says of the bytes that it carries. */
export interface Chunk {
  body: ReadableStream<Uint8Array> | null
  /** The offset of its first byte, where the client names it (Content-Range). */
  start: number | null
  /** How many bytes it has, where the client says so (Content-Length or Content-Range). */
  length: number | null
}

/** `offset` is always the count of committed bytes, where the client goes on. */
export type SessionAnswer =
  | { kind: 'open'; offset: number }
  /** The blob is committed; `size` in bytes is null where an earlier request had done it. */
  | { kind: 'created'; size: number | null }
  /** Out of order, or another request is at work on the upload. */
  | { kind: 'range invalid'; offset: number }
  /** The body did not have the length that was said of it. */
  | { kind: 'size invalid'; offset: number }
  | { kind: 'digest invalid' }
  /** Cancelled, abandoned, failed, or finished under another digest. */
  | { kind: 'unknown' }

/** An upload that nobody touches for so long is given up. */
export const SESSION_TTL_MS = 24 * 60 * 60 * 1000

/**
 * How long a request waits for another one of the same upload: a client that lost its connection asks again before this side
 * has noticed, and shall be told the offset that stays.
 */
const BUSY_WAIT_MS = 1000

export class UploadSession extends DurableObject<UploadEnv> {
  readonly #store = new R2BlobStore(this.env.BUCKET)
  readonly #state = new SessionState(this.ctx.storage)
  readonly #writer = new PartWriter(this.#store, this.#state)
  #active: Promise<unknown> | undefined

  /**
   * PUT with a body of known length: where no byte came before, it is the whole blob, and the Worker writes it by itself,
   * without a detour through this object.
   * @returns false where the body is an upload's last chunk
   */
  async claimWhole(): Promise<boolean> {
    if (this.#state.phase === 'whole') return true
    if (this.#state.phase !== 'fresh') return false
    this.#state.claimWhole()
    await this.ctx.storage.setAlarm(Date.now() + SESSION_TTL_MS)
    return true
  }

  /** PATCH: takes a chunk. */
  append(chunk: Chunk, algorithm: Algorithm): Promise<SessionAnswer> {
    return this.#exclusively(chunk, async () => {
      await this.ctx.storage.setAlarm(Date.now() + SESSION_TTL_MS)
      if (this.#state.phase === 'fresh') this.#state.open(newStorageKey('blobs'))
      return this.#receive(chunk, algorithm)
    })
  }

  /** PUT: takes the last bytes, if there are any, checks the digest of all, and makes the blob visible in `repository`. */
  finish(repository: string, digest: Digest, chunk: Chunk): Promise<SessionAnswer> {
    return this.#exclusively(chunk, async () => {
      await this.ctx.storage.setAlarm(Date.now() + SESSION_TTL_MS)
      const { phase } = this.#state
      if (phase === 'done' && this.#state.digest === digest) return { kind: 'created', size: null }
      if (phase === 'done' || phase === 'ended' || phase === 'whole') return { kind: 'unknown' }
      if (phase === 'fresh') this.#state.open(newStorageKey('blobs'))
      // In the phase `finishing` an earlier try had all the bytes: the same request again brings them a second time.
      if (phase !== 'finishing' && chunk.body !== null) {
        const received = await this.#receive(chunk, algorithmOf(digest))
        if (received.kind !== 'open') return received
      }
      return this.#complete(repository, digest)
    })
  }

  /** GET: how far the upload is. */
  async status(): Promise<SessionAnswer> {
    await this.#idle()
    const { phase, offset } = this.#state
    const resumable = phase === 'fresh' || phase === 'open' || phase === 'finishing'
    return resumable ? { kind: 'open', offset } : { kind: 'unknown' }
  }

  /** DELETE: gives the upload up, also while a chunk is on its way. */
  async cancel(): Promise<SessionAnswer> {
    if (this.#state.phase === 'finishing') await this.#idle()
    const { phase, offset } = this.#state
    if (phase === 'done' || phase === 'ended') return { kind: 'unknown' }
    await this.#end()
    await this.ctx.storage.setAlarm(Date.now() + SESSION_TTL_MS)
    return { kind: 'open', offset }
  }

  /** Nobody came for a day: what was open is given up, and what was kept to answer repeated requests is forgotten. */
  override async alarm(): Promise<void> {
    await this.#end()
    await this.ctx.storage.deleteAll()
  }

  async #receive(chunk: Chunk, algorithm: Algorithm): Promise<SessionAnswer> {
    const { phase, offset } = this.#state
    if (phase !== 'open') return { kind: 'unknown' }
    if (chunk.start !== null && chunk.start !== offset) return { kind: 'range invalid', offset }
    if (chunk.body === null) return { kind: 'open', offset }
    const limit = chunk.length ?? Number.POSITIVE_INFINITY
    const reception = await this.#writer.append(chunk.body, limit, algorithm)
    if (this.#phaseNow() !== 'open') return { kind: 'unknown' }
    const received = this.#state.offset - offset
    const asDeclared =
      reception === 'complete' && (chunk.length === null || chunk.length === received)
    return { kind: asDeclared ? 'open' : 'size invalid', offset: this.#state.offset }
  }

  async #complete(repository: string, digest: Digest): Promise<SessionAnswer> {
    this.#state.finishing(digest)
    const { storageKey, offset: size } = this.#state
    const valid = await completeUpload(this.#store, this.#state, this.#writer, digest)
    if (!valid) return this.#failDigest()
    await commitBlob(this.env.DB, repository, { digest, size, storageKey })
    this.#state.done(digest)
    return { kind: 'created', size }
  }

  #failDigest(): SessionAnswer {
    this.#state.end()
    return { kind: 'digest invalid' }
  }

  async #end(): Promise<void> {
    const { storageKey, partsId } = this.#state
    const open = this.#state.phase === 'open' || this.#state.phase === 'finishing'
    this.#state.end()
    await this.#writer.stop()
    if (open && partsId !== null) await this.#store.abortParts(storageKey, partsId)
  }

  /**
   * A Durable Object is not serialised across its awaits of R2 and of the body, so the session has a lock of its own. Who
   * finds it taken is out of order.
   */
  async #exclusively(chunk: Chunk, work: () => Promise<SessionAnswer>): Promise<SessionAnswer> {
    if (!(await this.#idle())) {
      await chunk.body?.cancel()
      return { kind: 'range invalid', offset: this.#state.offset }
    }
    const running = work()
    this.#active = running
    try {
      return await running
    } finally {
      this.#active = undefined
    }
  }

  /** Waits until no request is at work on the upload; false where that takes too long. */
  async #idle(): Promise<boolean> {
    const deadline = Date.now() + BUSY_WAIT_MS
    while (this.#active !== undefined) {
      const left = deadline - Date.now()
      if (left <= 0) return false
      await Promise.race([this.#active.catch(() => undefined), scheduler.wait(left)])
    }
    return true
  }

  #phaseNow() {
    return this.#state.phase
  }
}
