/**
 * The upload session: one Durable Object for each upload, through which its bytes flow. A call inside the object runs on when
 * the client goes away, its storage survives what its memory does not, and its lock makes an upload take every byte once
 * and in order. OCI distribution spec, "Pushing blobs".
 */
import { DurableObject } from 'cloudflare:workers'
import { DRAIN_AT_MOST_BYTES, drain } from '../lib/drain.ts'
import { logError } from '../lib/log.ts'
import { type Algorithm, algorithmOf, type Digest } from '../oci/digest.ts'
import { newStorageKey } from '../store/blob-store.ts'
import { commitBlob, findBlob } from '../store/blobs.ts'
import type { OutboxEvent } from '../store/outbox.ts'
import { R2BlobStore } from '../store/r2-blob-store.ts'
import { buryUnlessTaken, TOMBSTONE_GRACE_MS } from '../store/tombstones.ts'
import { completeUpload } from './complete.ts'
import { BLOB_BYTES_AT_MOST } from './part-buffers.ts'
import { PartWriter } from './part-writer.ts'
import { SessionState } from './session-state.ts'
import { Turns } from './turns.ts'
import { ID_TTL_SECONDS } from './upload-id.ts'

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
  /** The body did not have the length that was said of it, or goes past what a blob may have. */
  | { kind: 'size invalid'; offset: number }
  | { kind: 'digest invalid' }
  /** Cancelled, abandoned, failed, or finished under another digest. */
  | { kind: 'unknown' }

/** An upload that nobody touches for so long is given up. */
const SESSION_TTL_MS = 24 * 60 * 60 * 1000

/** An ended session is remembered as long as its id is good: forgotten, it would be a fresh one. */
const REMEMBER_MS = ID_TTL_SECONDS * 1000

/** A closing PUT that broke off may be repeated for so long: well before the bytes that it wrote could be swept. */
const REPEAT_MS = TOMBSTONE_GRACE_MS / 2

/** Bytes of an ended session that could not be removed are tried again after so long. */
const DISCARD_AGAIN_MS = 60 * 60 * 1000

export class UploadSession extends DurableObject<UploadEnv> {
  readonly #store = new R2BlobStore(this.env.BUCKET)
  readonly #state = new SessionState(this.ctx.storage)
  readonly #writer = new PartWriter(this.#store, this.#state)
  readonly #turns = new Turns()

  /**
   * PUT with a body of known length: where no byte came before, it is the whole blob, and the Worker writes it by itself,
   * without a detour through this object. The upload is then this one blob's, so that the same request may be repeated.
   * @returns false where the body is an upload's last chunk, or the upload another blob's
   */
  async claimWhole(digest: Digest): Promise<boolean> {
    const { phase } = this.#state
    if (phase === 'whole') return this.#state.digest === digest
    if (phase !== 'fresh') return false
    this.#state.claimWhole(digest)
    await this.#alarmIn(SESSION_TTL_MS)
    return true
  }

  /** The blob that the upload was claimed for did not hash to its digest: that ends the upload. */
  async failWhole(): Promise<void> {
    if (this.#state.phase === 'whole') await this.#failDigest()
  }

  /** PATCH: takes a chunk. */
  append(chunk: Chunk, algorithm: Algorithm): Promise<SessionAnswer> {
    return this.#inTurn(chunk, async () => {
      await this.#open()
      return this.#receive(chunk, algorithm)
    })
  }

  /**
   * PUT: takes the last bytes, if there are any, checks the digest of all, and makes the blob visible in `repository`. `event` tells
   * of it.
   */
  finish(
    repository: string,
    digest: Digest,
    chunk: Chunk,
    event: OutboxEvent,
  ): Promise<SessionAnswer> {
    return this.#inTurn(chunk, async () => {
      await this.#open()
      const { phase } = this.#state
      const repeated = this.#state.digest === digest
      if (phase === 'done' && repeated) return this.#repeat(repository, digest)
      // An earlier try had all the bytes: the same request again brings them a second time. It may have committed them, too,
      // without hearing of it: under another digest they must not be touched.
      if (phase === 'finishing' && repeated) return this.#complete(repository, digest, event)
      const received = await this.#receive(chunk, algorithmOf(digest))
      return received.kind === 'open' ? this.#complete(repository, digest, event) : received
    })
  }

  /** GET: how far the upload is. */
  async status(): Promise<SessionAnswer> {
    await this.#turns.free()
    const { phase, offset } = this.#state
    // Nothing may stay behind of an object that was only asked.
    if (phase === 'fresh') await this.#alarmIn(SESSION_TTL_MS)
    return this.#state.live ? { kind: 'open', offset } : { kind: 'unknown' }
  }

  /** DELETE: gives the upload up, also while a chunk is on its way; a closing PUT that has all bytes is not interrupted. */
  async cancel(): Promise<SessionAnswer> {
    while (this.#turns.taken && this.#state.phase !== 'open') await this.#turns.settled()
    const { offset } = this.#state
    if (!this.#state.live) return { kind: 'unknown' }
    await this.#giveUp()
    return { kind: 'open', offset }
  }

  /** Nobody came for a day: what was open is given up. Once its id is good no more, the session is forgotten. */
  override async alarm(): Promise<void> {
    if (this.#turns.taken) return this.#alarmIn(SESSION_TTL_MS)
    const { phase, storageKey } = this.#state
    if (phase === 'ended' && storageKey === '') return this.ctx.storage.deleteAll()
    await this.#giveUp()
  }

  /** Makes the session live, or lets it live on. */
  async #open(): Promise<void> {
    const { phase } = this.#state
    if (phase === 'fresh') this.#state.open(newStorageKey('blobs'))
    if (phase !== 'ended') await this.#alarmIn(SESSION_TTL_MS)
  }

  async #receive(chunk: Chunk, algorithm: Algorithm): Promise<SessionAnswer> {
    const { phase, offset } = this.#state
    if (phase !== 'open') return { kind: 'unknown' }
    if (chunk.start !== null && chunk.start !== offset) return { kind: 'range invalid', offset }
    if (chunk.body === null) return { kind: 'open', offset }
    const limit = Math.min(chunk.length ?? Number.POSITIVE_INFINITY, BLOB_BYTES_AT_MOST - offset)
    const reception = await this.#writer.append(chunk.body, limit, algorithm)
    if (reception === 'stopped') return { kind: 'unknown' }
    const received = this.#state.offset - offset
    const asDeclared =
      reception === 'complete' && (chunk.length === null || chunk.length === received)
    return { kind: asDeclared ? 'open' : 'size invalid', offset: this.#state.offset }
  }

  async #complete(repository: string, digest: Digest, event: OutboxEvent): Promise<SessionAnswer> {
    this.#state.finishing(digest)
    const { storageKey, offset: size } = this.#state
    // An earlier try may have committed the bytes, and they may have been deleted since: buried bytes are not used again.
    const tooLate = Date.now() - this.#state.finishingSince > REPEAT_MS
    if (tooLate) return this.#lose()
    const valid = await completeUpload(this.#store, this.#state, this.#writer, digest)
    if (!valid) return this.#failDigest()
    const blob = { digest, size, storageKey }
    const committed = await commitBlob(this.env.DB, repository, blob, event)
    if (!committed) return this.#lose()
    this.#state.done(digest)
    return { kind: 'created', size }
  }

  /** The same closing PUT after its success: created again, unless the blob was deleted since. */
  async #repeat(repository: string, digest: Digest): Promise<SessionAnswer> {
    const blob = await findBlob(this.env.DB, repository, digest)
    return blob === null ? { kind: 'unknown' } : { kind: 'created', size: null }
  }

  async #failDigest(): Promise<SessionAnswer> {
    this.#state.end()
    this.#state.discarded()
    await this.#alarmIn(REMEMBER_MS)
    return { kind: 'digest invalid' }
  }

  async #lose(): Promise<SessionAnswer> {
    this.#state.end()
    await this.#cleanUp()
    return { kind: 'unknown' }
  }

  async #giveUp(): Promise<void> {
    this.#state.end()
    await this.#writer.stop()
    await this.#turns.settled()
    await this.#cleanUp()
  }

  async #cleanUp(): Promise<void> {
    await this.#alarmIn(REMEMBER_MS)
    try {
      await this.#discard()
    } catch (error) {
      logError({ message: 'an upload could not be discarded' }, error)
      await this.#alarmIn(DISCARD_AGAIN_MS)
    }
  }

  /** Removes what the session wrote. May be repeated. */
  async #discard(): Promise<void> {
    const { storageKey, partsId, digest } = this.#state
    if (storageKey === '') return
    if (partsId !== null) await this.#store.abortParts(storageKey, partsId)
    // A closing PUT that broke off may have left the object, and may have committed it: only the database knows.
    if (digest !== null) await buryUnlessTaken(this.env.DB, storageKey, Date.now()).run()
    this.#state.discarded()
  }

  /** Who does not get a turn is out of order. */
  async #inTurn(chunk: Chunk, work: () => Promise<SessionAnswer>): Promise<SessionAnswer> {
    try {
      const answer = await this.#turns.take(work)
      return answer ?? { kind: 'range invalid', offset: this.#state.offset }
    } finally {
      await decline(chunk)
    }
  }

  #alarmIn(milliseconds: number): Promise<void> {
    return this.ctx.storage.setAlarm(Date.now() + milliseconds)
  }
}

/**
 * Takes a body that nobody read out of the way, so that its client reads the answer: left alone it would hold the client, and this
 * object in memory.
 */
async function decline({ body, length }: Chunk): Promise<void> {
  if (body === null || body.locked) return
  if ((length ?? 0) <= DRAIN_AT_MOST_BYTES) return drain(body)
  await body.cancel().catch(() => undefined)
}
