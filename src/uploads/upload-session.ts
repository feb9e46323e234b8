/**
 * The upload session: the Durable Object of an upload, through which its bytes flow. A call inside the object runs on when
 * the client goes away, its storage survives what its memory does not, and its lock makes an upload take every byte once
 * and in order. When the upload is committed, the object takes another one: session-name.ts tells why. OCI distribution spec,
 * "Pushing blobs".
 */
import { DurableObject } from 'cloudflare:workers'
import { logError } from '../lib/log.ts'
import { type Algorithm, algorithmOf, type Digest } from '../oci/digest.ts'
import { newStorageKey } from '../store/blob-store.ts'
import { commitBlob, findBlob } from '../store/blobs.ts'
import type { OutboxEvent } from '../store/outbox.ts'
import { R2BlobStore } from '../store/r2-blob-store.ts'
import { registryId } from '../store/registry.ts'
import { buryUnlessTaken, TOMBSTONE_GRACE_MS } from '../store/tombstones.ts'
import { type Chunk, type Claim, decline, type SessionAnswer } from './chunk.ts'
import { completeUpload } from './complete.ts'
import { BLOB_BYTES_AT_MOST } from './part-buffers.ts'
import { PartWriter } from './part-writer.ts'
import { REUSE_SECONDS } from './session-name.ts'
import { SessionState } from './session-state.ts'
import { Turns } from './turns.ts'
import { ID_TTL_SECONDS } from './upload-id.ts'

export interface UploadEnv {
  BUCKET: R2Bucket
  DB: D1Database
}

/** An upload that nobody touches for so long is given up. */
const SESSION_TTL_MS = 24 * 60 * 60 * 1000

/** An upload that is over is remembered as long as any id is good that names its object: forgotten, it would be a fresh one. */
const REMEMBER_MS = (ID_TTL_SECONDS + REUSE_SECONDS) * 1000

/** A closing PUT that broke off may be repeated for so long: well before the bytes that it wrote could be swept. */
const REPEAT_MS = TOMBSTONE_GRACE_MS / 2

/** Bytes of an ended session that could not be removed are tried again after so long. */
const DISCARD_AGAIN_MS = 60 * 60 * 1000

export class UploadSession extends DurableObject<UploadEnv> {
  readonly #store = new R2BlobStore(this.env.BUCKET)
  readonly #state = new SessionState(this.ctx.storage)
  #writer = new PartWriter(this.#store, this.#state)
  readonly #turns = new Turns()
  /** When the alarm is due: infinite where there is none, undefined where nobody asked yet. */
  #alarmAt: number | undefined

  /**
   * PUT with a body of known length: where no byte came before, it is the whole blob, and the Worker writes it by itself,
   * without a detour through this object. The upload is then this one blob's, so that the same request may be repeated.
   */
  async claimWhole(upload: string, digest: Digest): Promise<Claim> {
    await this.#wakeWithin(SESSION_TTL_MS)
    if (!this.#enter(upload)) return 'refused'
    const { phase } = this.#state
    if (phase === 'whole') return this.#state.digest === digest ? 'again' : 'refused'
    if (phase !== 'fresh') return 'refused'
    this.#state.claimWhole(digest)
    return 'first'
  }

  /** The blob that the upload was claimed for did not hash to its digest: that ends the upload. */
  async failWhole(upload: string): Promise<void> {
    if (this.#state.upload === upload && this.#state.phase === 'whole') this.#failDigest()
  }

  /** PATCH: takes a chunk. */
  append(upload: string, chunk: Chunk, algorithm: Algorithm): Promise<SessionAnswer> {
    return this.#inTurn(upload, chunk, async () => {
      if (!(await this.#open(upload))) return { kind: 'unknown' }
      return this.#receive(chunk, algorithm)
    })
  }

  /**
   * PUT: takes the last bytes, if there are any, checks the digest of all, and makes the blob visible in `repository`. `event` tells
   * of it.
   */
  async finish(
    upload: string,
    repository: string,
    digest: Digest,
    chunk: Chunk,
    event: OutboxEvent,
  ): Promise<SessionAnswer> {
    const before = this.#isPresent(upload) ? null : this.#state.earlier(upload)
    if (before !== null) {
      await decline(chunk)
      return before === digest ? this.#repeat(repository, digest) : { kind: 'unknown' }
    }
    return this.#inTurn(upload, chunk, async () => {
      if (!(await this.#open(upload))) return { kind: 'unknown' }
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
  async status(upload: string): Promise<SessionAnswer> {
    if (this.#isPresent(upload)) await this.#turns.free()
    // Nothing may stay behind of an object that was only asked.
    await this.#wakeWithin(SESSION_TTL_MS)
    if (this.#mayBegin(upload)) return { kind: 'open', offset: 0 }
    const { live, offset } = this.#state
    return this.#isPresent(upload) && live ? { kind: 'open', offset } : { kind: 'unknown' }
  }

  /** DELETE: gives the upload up, also while a chunk is on its way; a closing PUT that has all bytes is not interrupted. */
  async cancel(upload: string): Promise<SessionAnswer> {
    await this.#wakeWithin(SESSION_TTL_MS)
    const busy = () => this.#turns.taken && this.#state.phase !== 'open'
    while (this.#isPresent(upload) && busy()) await this.#turns.settled()
    if (!this.#enter(upload) || !this.#state.live) return { kind: 'unknown' }
    const { offset } = this.#state
    await this.#giveUp()
    return { kind: 'open', offset }
  }

  /**
   * What was open and nobody came for in a day is given up. Once no id is good any more that names this object, all is forgotten.
   * The alarm is not moved with each request, which would cost a write: it looks when it comes whether it is time.
   */
  override async alarm(): Promise<void> {
    this.#alarmAt = Number.POSITIVE_INFINITY
    if (this.#turns.taken) return this.#wakeWithin(SESSION_TTL_MS)
    const { phase, touched, storageKey } = this.#state
    const idle = Date.now() - touched
    if (this.#state.live && idle < SESSION_TTL_MS) return this.#wakeWithin(SESSION_TTL_MS - idle)
    if (storageKey !== '') return this.#giveUp()
    if (phase !== 'fresh' && idle < REMEMBER_MS) return this.#wakeWithin(REMEMBER_MS - idle)
    return this.ctx.storage.deleteAll()
  }

  #isPresent(upload: string): boolean {
    return this.#state.upload === upload
  }

  #mayBegin(upload: string): boolean {
    return !this.#isPresent(upload) && this.#state.free && this.#state.earlier(upload) === null
  }

  /** Makes `upload` the present one; false where it was before, or where another one is not over. */
  #enter(upload: string): boolean {
    if (this.#mayBegin(upload)) {
      this.#state.begin(upload)
      this.#writer = new PartWriter(this.#store, this.#state)
    }
    return this.#isPresent(upload)
  }

  /** Makes the session live, or lets it live on; false where it is not this upload's. */
  async #open(upload: string): Promise<boolean> {
    await this.#wakeWithin(SESSION_TTL_MS)
    if (!this.#enter(upload)) return false
    const { phase } = this.#state
    if (phase === 'fresh') this.#state.open(newStorageKey(await registryId(this.env.DB), 'blobs'))
    else if (phase !== 'ended') this.#state.touch()
    return true
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
    if (committed === 'buried') return this.#lose()
    this.#state.done(digest)
    return { kind: 'created', size }
  }

  /** The same closing PUT after its success: created again, unless the blob was deleted since. */
  async #repeat(repository: string, digest: Digest): Promise<SessionAnswer> {
    const blob = await findBlob(this.env.DB, repository, digest)
    return blob === null ? { kind: 'unknown' } : { kind: 'created', size: null }
  }

  #failDigest(): SessionAnswer {
    this.#state.end()
    this.#state.discarded()
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
    await this.#wakeWithin(REMEMBER_MS)
    try {
      await this.#discard()
    } catch (error) {
      logError({ message: 'an upload could not be discarded' }, error)
      await this.#wakeWithin(DISCARD_AGAIN_MS)
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

  /** Who does not get a turn is out of order; of another upload nobody is told how far it is. */
  async #inTurn(
    upload: string,
    chunk: Chunk,
    work: () => Promise<SessionAnswer>,
  ): Promise<SessionAnswer> {
    try {
      const answer = await this.#turns.take(work)
      if (answer !== null) return answer
      const { offset } = this.#state
      return this.#isPresent(upload) ? { kind: 'range invalid', offset } : { kind: 'unknown' }
    } finally {
      await decline(chunk)
    }
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
