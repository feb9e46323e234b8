/**
 * The upload session: the Durable Object of one upload, which receives its bytes. A call inside the object continues when the
 * client disconnects. Its storage survives the loss of its memory. Its lock makes sure that an upload takes every byte once and in
 * order. OCI distribution spec, "Pushing blobs".
 */
import { DurableObject } from 'cloudflare:workers'
import { logError } from '../lib/log.ts'
import { algorithmOf, type Digest } from '../oci/digest.ts'
import { commitBlob, isThere } from '../registry/blobs/commit-blob.ts'
import type { BlobStore } from '../store/bytes/blob-store.ts'
import { bufferPool, PART_BYTES } from '../store/bytes/buffer-pool.ts'
import { blobStoreOf } from '../store/bytes/choose-blob-store.ts'
import { buryUnlessTaken } from '../store/bytes/tombstones.ts'
import {
  type Chunk,
  type Closing,
  decline,
  type SessionAnswer,
  type SessionRequest,
} from './chunk.ts'
import { commitContextOf, type UploadEnv } from './commit-context.ts'
import { completeUpload } from './complete.ts'
import { PartPipeline } from './part-pipeline.ts'
import { answerOf, Reception, type ReceptionOutcome } from './reception.ts'
import { DISCARD_AGAIN_MS, IDLE_TTL_MS, SessionAlarm, UPLOAD_TTL_MS } from './session-alarm.ts'
import { SessionState } from './session-state.ts'
import { Turns } from './turns.ts'

/**
 * How long a request waits for another request of the same upload: a client that lost its connection retries before this side has
 * noticed the loss.
 */
const TURN_PATIENCE_MS = 1000

/** A connection that has sent nothing for this long loses its turn to a request that names the offset where it continues. */
const TAKE_OVER_AFTER_MS = 5000

/** How long an interrupting request waits for the parts in flight. */
const SETTLE_MS = 30_000

export class UploadSession extends DurableObject<UploadEnv> {
  readonly #store: BlobStore
  readonly #state = new SessionState(this.ctx.storage)
  readonly #turns = new Turns()
  readonly #alarm = new SessionAlarm(this.ctx.storage)
  readonly #pipeline: PartPipeline
  /** The chunk that is being received. */
  #reception: Reception | undefined
  /** The digest of the finished object, once verified: a failed commit is retried without reading the object again. */
  #completed: Digest | undefined

  constructor(ctx: DurableObjectState, env: UploadEnv, store: BlobStore = blobStoreOf(env)) {
    super(ctx, env)
    this.#store = store
    this.#pipeline = new PartPipeline(store, this.#state)
  }

  /** PATCH: takes a chunk. */
  append(request: SessionRequest, chunk: Chunk): Promise<SessionAnswer> {
    return this.#inTurn(chunk, () => this.#receive(request, chunk))
  }

  /** PUT: takes the last bytes, if any, checks the digest of all bytes, and makes the blob visible in the repository. */
  finish(request: SessionRequest, chunk: Chunk, closing: Closing): Promise<SessionAnswer> {
    return this.#inTurn(chunk, async () => {
      const { phase } = this.#state
      const isRepeated = this.#state.digest === closing.digest
      if (phase === 'done' && isRepeated) return this.#repeat(closing)
      // An earlier attempt received all bytes. The repeated request sends the last ones again, so its body is ignored.
      if (phase === 'finishing' && isRepeated) return this.#complete(closing)
      const algorithm = algorithmOf(closing.digest)
      const received = await this.#receive({ ...request, algorithm }, chunk)
      return received.kind === 'open' ? this.#complete(closing) : received
    })
  }

  /** GET: the upload's offset. */
  async status({ kind }: Pick<SessionRequest, 'kind'>): Promise<SessionAnswer> {
    await this.#turns.free(TURN_PATIENCE_MS)
    const { offset } = this.#state
    return this.#isOpen(kind) ? { kind: 'open', offset } : { kind: 'unknown' }
  }

  /** DELETE: ends the upload, also while a chunk is being received. It does not interrupt a closing PUT that has all bytes. */
  async cancel({ kind }: Pick<SessionRequest, 'kind'>): Promise<SessionAnswer> {
    if (!this.#isOpen(kind)) return { kind: 'unknown' }
    await this.#alarm.within(UPLOAD_TTL_MS)
    // Checked again after each wait, and ended without another await.
    while (this.#state.phase === 'finishing' && this.#turns.isTaken) {
      if (!(await this.#turns.free(TURN_PATIENCE_MS))) return { kind: 'busy' }
    }
    if (!this.#isOpen(kind)) return { kind: 'unknown' }
    const { offset } = this.#state
    await this.#giveUp()
    return { kind: 'open', offset }
  }

  /** Ends the upload after a day without requests, and deletes its state once all its ids have expired. */
  override async alarm(): Promise<void> {
    this.#alarm.came()
    const { begunAt, touchedAt, storageKey } = this.#state
    const forgetIn = begunAt + UPLOAD_TTL_MS - Date.now()
    const idleIn = Math.min(touchedAt + IDLE_TTL_MS - Date.now(), forgetIn)
    if (this.#state.isLive && idleIn > 0) return this.#alarm.within(idleIn)
    if (!this.#state.isLive && storageKey === '') {
      return forgetIn > 0 ? this.#alarm.within(forgetIn) : this.#state.forget()
    }
    await this.#alarm.within(IDLE_TTL_MS)
    // Receiving a chunk may take longer than a day.
    if (!this.#turns.isTaken) await this.#giveUp()
  }

  /** Whether the upload takes bytes or its closing request; a fresh id may also begin it. */
  #isOpen(kind: SessionRequest['kind']): boolean {
    return this.#state.isLive || (this.#state.phase === 'none' && kind === 'fresh')
  }

  async #receive(request: SessionRequest, chunk: Chunk): Promise<SessionAnswer> {
    const { phase, offset } = this.#state
    if (phase === 'finishing' || !this.#isOpen(request.kind)) return { kind: 'unknown' }
    if (chunk.start !== null && chunk.start !== offset) return { kind: 'range invalid', offset }
    await this.#open(request)
    if (chunk.body === null) return { kind: 'open', offset }
    // If the client's length says that a part will be full, the store is told early.
    if (offset + (chunk.length ?? 0) >= PART_BYTES) this.#pipeline.begin()
    const room = this.#store.limits.parts * PART_BYTES - offset
    const limit = Math.min(chunk.length ?? Number.POSITIVE_INFINITY, room)
    const outcome = await this.#take(chunk.body, limit, request)
    return answerOf(outcome, chunk, { before: offset, after: this.#state.offset })
  }

  async #take(
    body: ReadableStream<Uint8Array>,
    limit: number,
    { algorithm }: SessionRequest,
  ): Promise<ReceptionOutcome> {
    const context = { pool: bufferPool, state: this.#state, pipeline: this.#pipeline, algorithm }
    this.#reception = new Reception(context)
    try {
      return await this.#reception.run(body, limit)
    } finally {
      this.#reception = undefined
    }
  }

  async #open({ storageKey }: SessionRequest): Promise<void> {
    await this.#alarm.within(IDLE_TTL_MS)
    if (this.#state.phase === 'none') this.#state.open(storageKey)
    else this.#state.touch()
  }

  async #complete(closing: Closing): Promise<SessionAnswer> {
    // The upload was cancelled after the last byte arrived.
    if (!this.#state.isLive) return { kind: 'unknown' }
    const { digest, operation } = closing
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
    const blob = { digest, size, storageKey }
    const committed = await commitBlob(
      commitContextOf(this.env, this.ctx, closing),
      blob,
      operation,
    )
    if (committed === 'buried') {
      await this.#lose()
      return { kind: 'unknown' }
    }
    this.#state.done()
    if (committed === 'gone') return { kind: 'unknown' }
    return { kind: 'created', size: committed === 'committed' ? size : null }
  }

  /** Repeats the answer of a closing PUT that succeeded: created, unless the blob was deleted since. */
  async #repeat(closing: Closing): Promise<SessionAnswer> {
    const isCreated = await isThere(commitContextOf(this.env, this.ctx, closing), closing)
    return isCreated ? { kind: 'created', size: null } : { kind: 'unknown' }
  }

  /** Ends the upload and interrupts the chunk that is being received. No closing PUT may be running. */
  async #giveUp(): Promise<void> {
    if (this.#state.phase !== 'ended') this.#state.end()
    this.#reception?.interrupt()
    if (await this.#turns.free(SETTLE_MS)) await this.#discard()
    else await this.#alarm.within(DISCARD_AGAIN_MS)
  }

  /** Ends the upload from within a closing PUT that failed. */
  async #lose(): Promise<void> {
    await this.#alarm.within(UPLOAD_TTL_MS)
    this.#state.end()
    await this.#discard()
  }

  /** Removes the bytes of the session. If that fails, the alarm tries again. */
  async #discard(): Promise<void> {
    const { storageKey, partsId, digest } = this.#state
    if (storageKey === '') return
    try {
      if (partsId !== null) await this.#store.abortParts(storageKey, partsId)
      // A closing PUT may have left the object, or even committed it; then a row names it.
      if (digest !== null && (await this.#store.size(storageKey)) !== null) {
        await buryUnlessTaken(this.env.DB, storageKey, Date.now()).run()
      }
      this.#state.discarded()
    } catch (error) {
      logError({ message: 'an upload could not be discarded' }, error)
      await this.#alarm.within(DISCARD_AGAIN_MS)
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
   * Interrupts a silent connection. Its bytes become durable before the offset of this chunk is compared. A chunk without an offset
   * never takes over: it could be a repetition.
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
}
