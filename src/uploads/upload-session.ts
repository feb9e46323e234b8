/**
 * The upload session: the Durable Object of one upload, through which its bytes flow. A call inside the object runs on when the client
 * goes away, its storage survives what its memory does not, and its lock makes an upload take every byte once and in order.
 * OCI distribution spec, "Pushing blobs".
 */
import { DurableObject } from 'cloudflare:workers'
import { logError } from '../lib/log.ts'
import { algorithmOf, type Digest } from '../oci/digest.ts'
import { commitBlob, findBlob } from '../store/blobs.ts'
import { R2BlobStore } from '../store/r2-blob-store.ts'
import { buryUnlessTaken } from '../store/tombstones.ts'
import { BLOB_BYTES_AT_MOST, bufferPool, PART_BYTES } from './buffer-pool.ts'
import {
  type Chunk,
  type Closing,
  decline,
  type SessionAnswer,
  type SessionRequest,
} from './chunk.ts'
import { completeUpload } from './complete.ts'
import { PartPipeline } from './part-pipeline.ts'
import { type Outcome, Reception } from './reception.ts'
import { SessionState } from './session-state.ts'
import { Turns } from './turns.ts'
import { UPLOAD_TTL_SECONDS } from './upload-id.ts'

export interface UploadEnv {
  BUCKET: R2Bucket
  DB: D1Database
}

/** An upload that nobody touches for so long is given up. */
const IDLE_TTL_MS = 24 * 60 * 60 * 1000

/** Once no id is valid any more that names the upload, all of it is forgotten. */
const UPLOAD_TTL_MS = UPLOAD_TTL_SECONDS * 1000

/** Bytes of an ended session that could not be removed are tried again after so long. */
const DISCARD_AGAIN_MS = 60 * 60 * 1000

/**
 * How long a request waits for another one of the same upload: a client that lost its connection asks again before this side
 * has noticed.
 */
const TURN_PATIENCE_MS = 1000

/** A connection that has brought nothing for so long loses its turn to a request that names the offset where it goes on. */
const TAKE_OVER_AFTER_MS = 5000

/** How long whoever interrupts a request waits for its parts in flight. */
const SETTLE_MS = 30_000

export class UploadSession extends DurableObject<UploadEnv> {
  readonly #store = new R2BlobStore(this.env.BUCKET)
  readonly #state = new SessionState(this.ctx.storage)
  readonly #turns = new Turns()
  readonly #pipeline = new PartPipeline(this.#store, this.#state)
  /** The chunk that is being received. */
  #reception: Reception | undefined
  /** Of the finished object, as far as it was checked: a commit that failed is tried again without reading the object back. */
  #completed: Digest | undefined
  /** When the alarm is due: infinite where there is none, undefined where nobody asked yet. */
  #alarmAt: number | undefined

  /** PATCH: takes a chunk. */
  append(request: SessionRequest, chunk: Chunk): Promise<SessionAnswer> {
    return this.#inTurn(chunk, () => this.#receive(request, chunk))
  }

  /** PUT: takes the last bytes, if there are any, checks the digest of all, and makes the blob visible in the repository. */
  finish(request: SessionRequest, chunk: Chunk, closing: Closing): Promise<SessionAnswer> {
    return this.#inTurn(chunk, async () => {
      const { phase } = this.#state
      const isRepeated = this.#state.digest === closing.digest
      if (phase === 'done' && isRepeated) return this.#repeat(closing)
      // An earlier try had all the bytes: the same request again brings the last of them a second time.
      if (phase === 'finishing' && isRepeated) return this.#complete(closing)
      const algorithm = algorithmOf(closing.digest)
      const received = await this.#receive({ ...request, algorithm }, chunk)
      return received.kind === 'open' ? this.#complete(closing) : received
    })
  }

  /** GET: how far the upload is. */
  async status({ kind }: Pick<SessionRequest, 'kind'>): Promise<SessionAnswer> {
    await this.#turns.free(TURN_PATIENCE_MS)
    const { phase, isLive, offset } = this.#state
    const isOpen = isLive || (phase === 'none' && kind === 'fresh')
    return isOpen ? { kind: 'open', offset } : { kind: 'unknown' }
  }

  /** DELETE: gives the upload up, also while a chunk is on its way. A closing PUT that has all bytes is not interrupted. */
  async cancel({ kind }: Pick<SessionRequest, 'kind'>): Promise<SessionAnswer> {
    if (this.#state.phase === 'finishing' && !(await this.#turns.free(TURN_PATIENCE_MS))) {
      return { kind: 'busy' }
    }
    const { phase, isLive, offset } = this.#state
    if (!isLive && (phase !== 'none' || kind !== 'fresh')) return { kind: 'unknown' }
    await this.#giveUp()
    return { kind: 'open', offset }
  }

  /**
   * Gives up what nobody came for in a day, and forgets what no id names any more. The alarm is not moved with each request, which
   * would cost a write: it looks when it comes whether it is time.
   */
  override async alarm(): Promise<void> {
    this.#alarmAt = Number.POSITIVE_INFINITY
    if (this.#turns.isTaken) return this.#wakeWithin(IDLE_TTL_MS)
    const { begunAt, touchedAt, storageKey } = this.#state
    const forgetIn = begunAt + UPLOAD_TTL_MS - Date.now()
    const idleIn = Math.min(touchedAt + IDLE_TTL_MS - Date.now(), forgetIn)
    if (this.#state.isLive && idleIn > 0) return this.#wakeWithin(idleIn)
    if (this.#state.isLive || storageKey !== '') await this.#giveUp()
    else if (forgetIn > 0) await this.#wakeWithin(forgetIn)
    else await this.#state.forget()
  }

  async #receive(request: SessionRequest, chunk: Chunk): Promise<SessionAnswer> {
    const { phase, offset } = this.#state
    const isOpen = phase === 'open' || (phase === 'none' && request.kind === 'fresh')
    if (!isOpen) return { kind: 'unknown' }
    if (chunk.start !== null && chunk.start !== offset) return { kind: 'range invalid', offset }
    await this.#open(request)
    if (chunk.body === null) return { kind: 'open', offset }
    // Where the client says that a part will be full, the store is told before it is.
    if (offset + (chunk.length ?? 0) >= PART_BYTES) this.#pipeline.begin()
    const limit = Math.min(chunk.length ?? Number.POSITIVE_INFINITY, BLOB_BYTES_AT_MOST - offset)
    const outcome = await this.#take(chunk.body, limit, request)
    return this.#answerOf(outcome, chunk, this.#state.offset - offset)
  }

  async #take(
    body: ReadableStream<Uint8Array>,
    limit: number,
    { algorithm }: SessionRequest,
  ): Promise<Outcome> {
    const context = { pool: bufferPool, state: this.#state, pipeline: this.#pipeline, algorithm }
    this.#reception = new Reception(context)
    try {
      return await this.#reception.run(body, limit)
    } finally {
      this.#reception = undefined
    }
  }

  #answerOf(outcome: Outcome, { length }: Chunk, received: number): SessionAnswer {
    const { offset } = this.#state
    switch (outcome) {
      case 'ended':
        return { kind: 'unknown' }
      case 'crowded':
        return { kind: 'crowded' }
      case 'interrupted':
        return { kind: 'range invalid', offset }
      case 'complete':
        return { kind: length === null || length === received ? 'open' : 'size invalid', offset }
      default:
        return { kind: 'size invalid', offset }
    }
  }

  async #open({ storageKey }: SessionRequest): Promise<void> {
    await this.#wakeWithin(IDLE_TTL_MS)
    if (this.#state.phase === 'none') this.#state.open(storageKey)
    else this.#state.touch()
  }

  async #complete({ repository, digest, event }: Closing): Promise<SessionAnswer> {
    this.#state.finish(digest)
    const { storageKey, offset: size } = this.#state
    if (this.#completed !== digest) {
      const completion = await completeUpload(this.#store, this.#state, this.#pipeline, digest)
      if (completion !== 'complete') {
        await this.#lose()
        return { kind: completion === 'stale' ? 'unknown' : completion }
      }
      this.#completed = digest
    }
    const committed = await commitBlob(this.env.DB, repository, { digest, size, storageKey }, event)
    if (committed === 'buried') {
      await this.#lose()
      return { kind: 'unknown' }
    }
    this.#state.done()
    if (committed === 'repeated') return this.#repeat({ repository, digest })
    return { kind: 'created', size }
  }

  /** The closing PUT after its success: created again, unless the blob was deleted since. */
  async #repeat({ repository, digest }: Omit<Closing, 'event'>): Promise<SessionAnswer> {
    const blob = await findBlob(this.env.DB, repository, digest)
    return blob === null ? { kind: 'unknown' } : { kind: 'created', size: null }
  }

  /** Ends the upload at the request of somebody else than the request that has the turn, which is interrupted. */
  async #giveUp(): Promise<void> {
    await this.#end()
    this.#reception?.interrupt()
    if (await this.#turns.free(SETTLE_MS)) await this.#discard()
    else await this.#wakeWithin(DISCARD_AGAIN_MS)
  }

  /** Ends the upload in the request that has the turn. */
  async #lose(): Promise<void> {
    await this.#end()
    await this.#discard()
  }

  async #end(): Promise<void> {
    await this.#wakeWithin(UPLOAD_TTL_MS)
    if (this.#state.phase !== 'ended') this.#state.end()
  }

  /** Removes what the session wrote; what cannot be removed now is tried again by the alarm. */
  async #discard(): Promise<void> {
    const { storageKey, partsId, digest } = this.#state
    if (storageKey === '') return
    try {
      if (partsId !== null) await this.#store.abortParts(storageKey, partsId)
      // A closing PUT may have left the object, and may even have committed it: then a row names it.
      if (digest !== null && (await this.#store.size(storageKey)) !== null) {
        await buryUnlessTaken(this.env.DB, storageKey, Date.now()).run()
      }
      this.#state.discarded()
    } catch (error) {
      logError({ message: 'an upload could not be discarded' }, error)
      await this.#wakeWithin(DISCARD_AGAIN_MS)
    }
  }

  async #inTurn(chunk: Chunk, work: () => Promise<SessionAnswer>): Promise<SessionAnswer> {
    try {
      const answer = await this.#turns.take(work, TURN_PATIENCE_MS)
      return answer ?? (await this.#takeOver(chunk, work)) ?? { kind: 'busy' }
    } finally {
      await decline(chunk)
    }
  }

  /**
   * Interrupts a connection that has gone silent. What it brought is made durable before the offset of this chunk is compared. A
   * chunk that names no offset could not be told from a repetition, so it never takes over.
   */
  async #takeOver(
    { start }: Chunk,
    work: () => Promise<SessionAnswer>,
  ): Promise<SessionAnswer | null> {
    const silentMs = this.#reception?.silentMs ?? 0
    if (start === null || silentMs < TAKE_OVER_AFTER_MS) return null
    this.#reception?.interrupt()
    return this.#turns.take(work, SETTLE_MS)
  }

  /** Makes sure of an alarm that comes so soon. Before all that is written: what is stored is cleared away one day. */
  async #wakeWithin(milliseconds: number): Promise<void> {
    const at = Date.now() + milliseconds
    this.#alarmAt ??= (await this.ctx.storage.getAlarm()) ?? Number.POSITIVE_INFINITY
    if (this.#alarmAt <= at) return
    this.#alarmAt = at
    await this.ctx.storage.setAlarm(at)
  }
}
