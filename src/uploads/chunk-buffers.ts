/**
 * The buffers for the bytes of one chunk, on their way to the equal parts that the blob store takes.
 *
 * Every chunk begins with a small buffer, a piece. A client that fills it quickly gets part buffers from the isolate's pool: one
 * fills while others are written. The pieces of a slow client go to the session's durable tail, and a tail of a whole part goes
 * from there to the blob store. So a slow client never holds a part buffer, and a client that becomes slow or silent returns its
 * own.
 */
import type { Algorithm } from '../oci/digest.ts'
import {
  type Buffer,
  type BufferPool,
  PART_BYTES,
  SIZES,
  type Size,
} from '../store/bytes/buffer-pool.ts'
import { Loans } from '../store/bytes/loans.ts'
import { type PartPipeline, sourceOf, tailSource } from './part-pipeline.ts'
import type { SessionState } from './session-state.ts'

/** Three parts in flight and one that fills: the latency of one part does not limit the speed of a layer. */
const PARTS_IN_FLIGHT = 3

/** A client that fills a piece at this rate is fast. */
const FAST_BYTES_PER_MS = 512

/** A fast client that sends nothing for this long returns its part buffers. */
const SLOW_MS = 1000

/** A piece becomes durable after at most this time. While its client is silent, it is then lent to others. */
const PIECE_MS = 10_000

/**
 * While others wait for a piece, a chunk keeps one at most this long: a client that sends a byte now and then could keep it
 * forever.
 */
const PIECE_TURN_MS = 2000

/** How long a chunk waits for a piece before it is refused, and for a part buffer before it continues without one. */
const PIECE_PATIENCE_MS = 10_000
const PART_PATIENCE_MS = 1000

export interface ChunkContext {
  pool: BufferPool
  state: SessionState
  pipeline: PartPipeline
  algorithm: Algorithm
}

export class ChunkBuffers {
  readonly #context: ChunkContext
  readonly #loans: Loans
  readonly #onFailure: (error: unknown) => void
  #piece: Buffer | undefined
  #pieceSince = 0
  /** While the client is fast: the tail and the bytes received since. Otherwise `#piece` holds the bytes received since. */
  #part: Buffer | undefined
  /** How many bytes of the part or the piece are filled. */
  #filled = 0
  /** When the piece began to hold bytes that are not durable. */
  #filledSince = 0
  /** How long this side had waited for the client when the piece began to fill. */
  #waitedBefore = 0
  /** Whether the client may get a part buffer. If none was available, it may try again with its next part. */
  #mayHavePart = true

  /** @param onFailure is called with errors of the blob store while the chunk continues */
  constructor(context: ChunkContext, onFailure: (error: unknown) => void) {
    this.#context = context
    this.#loans = new Loans(context.pool)
    this.#onFailure = onFailure
  }

  get hasPart(): boolean {
    return this.#part !== undefined
  }

  /** @returns false if no buffer was available in time */
  async begin(): Promise<boolean> {
    return (await this.#buffer()) !== undefined
  }

  takeView(size: Size): Uint8Array<ArrayBuffer> {
    return this.#loans.takeView(size)
  }

  keepView(size: Size, view: Uint8Array<ArrayBuffer>): void {
    this.#loans.keepView(size, view)
  }

  renew(): void {
    this.#loans.renew()
  }

  giveBackAll(): void {
    this.#loans.giveBackAll()
  }

  /** Whether buffers should return to the pool while the client is silent. */
  isDue(silentMs: number): boolean {
    if (silentMs === 0) return false
    if (this.#part !== undefined) return silentMs >= SLOW_MS
    return this.#piece !== undefined && (silentMs >= PIECE_MS || this.#isPieceWanted())
  }

  /**
   * Takes bytes of the client. `waitedMs` is the total time that this side has waited for it.
   * @returns false if there was no buffer for the rest of the bytes
   */
  async take(bytes: Uint8Array, waitedMs: number): Promise<boolean> {
    for (let rest = bytes; rest.length > 0; ) {
      const buffer = await this.#buffer()
      if (buffer === undefined) return false
      // A part begins with the tail. A piece comes after the tail, and must not exceed the end of the part.
      const behind = this.#part === undefined ? this.#context.state.tailLength : 0
      const room = Math.min(buffer.bytes.length, PART_BYTES - behind) - this.#filled
      const fitting = rest.subarray(0, room)
      if (this.#filled === 0) this.#filledSince = Date.now()
      buffer.bytes.set(fitting, this.#filled)
      this.#filled += fitting.length
      rest = rest.subarray(fitting.length)
      const isFull = fitting.length === room
      if (this.#part !== undefined) {
        if (isFull) await this.#writeFullPart(this.#part)
      } else if (isFull || Date.now() - this.#filledSince >= PIECE_MS) {
        await this.#emptyPiece(waitedMs)
      }
    }
    return true
  }

  /** The part or the piece that is being filled; undefined if none was available in time. */
  async #buffer(): Promise<Buffer | undefined> {
    const buffer = this.#part ?? this.#piece
    if (buffer !== undefined) return buffer
    this.#piece = await this.#loans.borrow('piece', PIECE_PATIENCE_MS)
    this.#pieceSince = Date.now()
    return this.#piece
  }

  /** The piece is full or due. A fast client continues with a part buffer, a slow one with its durable tail. */
  async #emptyPiece(waitedMs: number): Promise<void> {
    const fillMs = waitedMs - this.#waitedBefore
    this.#waitedBefore = waitedMs
    const isFast = this.#filled === SIZES.piece.bytes && this.#filled >= FAST_BYTES_PER_MS * fillMs
    const part = isFast ? await this.#borrowPart() : undefined
    if (part === undefined) {
      await this.#savePiece()
      if (this.#isPieceWanted()) this.#giveBackPiece()
      return this.writeFullTail()
    }
    await this.#context.pipeline.drain()
    let length = 0
    for (const row of this.#context.state.tail()) {
      part.bytes.set(row, length)
      length += row.length
    }
    part.bytes.set(this.#piece?.bytes.subarray(0, this.#filled) ?? [], length)
    this.#giveBackPiece()
    this.#part = part
    this.#filled += length
    if (this.#filled === PART_BYTES) await this.#writeFullPart(part)
  }

  async #writeFullPart(part: Buffer): Promise<void> {
    const { pipeline, algorithm } = this.#context
    if (pipeline.inFlight === PARTS_IN_FLIGHT) await pipeline.oldest()
    pipeline
      .write(sourceOf(part.bytes), algorithm)
      .then(() => this.#loans.giveBack(part), this.#onFailure)
    this.#part = undefined
    this.#filled = 0
    this.#mayHavePart = true
    this.#part = this.#loans.tryBorrow('part')
    if (this.#part !== undefined) return
    // Waits behind other requests, so that the buffers are shared.
    await pipeline.oldest()
    this.#part = await this.#borrowPart()
  }

  /** Writes a tail of a whole part to the blob store. */
  async writeFullTail(): Promise<void> {
    const { state, pipeline, algorithm } = this.#context
    if (state.tailLength < PART_BYTES) return
    await pipeline.write(tailSource(state), algorithm)
    this.#mayHavePart = true
  }

  async #savePiece(): Promise<void> {
    const bytes = this.#piece?.bytes.subarray(0, this.#filled)
    this.#filled = 0
    if (bytes !== undefined && bytes.length > 0) await this.#saveTail(() => bytes)
  }

  /** Makes the received bytes durable and returns the part buffers. */
  async save(): Promise<void> {
    const part = this.#part
    if (part === undefined) {
      await this.#context.pipeline.drain()
      return this.#savePiece()
    }
    await this.#saveTail((tailLength) => part.bytes.subarray(tailLength, this.#filled))
    this.#loans.giveBack(part)
    this.#part = undefined
    this.#filled = 0
  }

  /** The tail comes after all parts. Parts in flight come before it and include the previous tail, so they are committed first. */
  async #saveTail(bytes: (tailLength: number) => Uint8Array): Promise<void> {
    const { state, pipeline } = this.#context
    await pipeline.drain()
    if (state.phase === 'open') state.appendTail(bytes(state.tailLength))
  }

  /** Makes the received bytes durable and returns all buffers. */
  async park(): Promise<void> {
    await this.save()
    this.#giveBackPiece()
  }

  #isPieceWanted(): boolean {
    return Date.now() - this.#pieceSince >= PIECE_TURN_MS && this.#loans.isWanted('piece')
  }

  #giveBackPiece(): void {
    if (this.#piece !== undefined) this.#loans.giveBack(this.#piece)
    this.#piece = undefined
  }

  async #borrowPart(): Promise<Buffer | undefined> {
    if (!this.#mayHavePart) return undefined
    const part = await this.#loans.borrow('part', PART_PATIENCE_MS)
    this.#mayHavePart = part !== undefined
    return part
  }
}
