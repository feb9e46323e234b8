/**
 * One chunk on its way in: re-blocks what the client sends, in pieces of any size, into the equal parts that the blob store takes.
 *
 * Every chunk begins with a small buffer, a piece. A client that fills it quickly gets part buffers of the isolate's pool: while one
 * fills, others are written. A slow client's pieces go to the session's durable tail, and a tail of a whole part goes to the
 * blob store from there, so a slow client never holds a part buffer. Nor does one that has become slow or silent.
 */
import type { Algorithm } from '../oci/digest.ts'
import { BodyReader } from './body-reader.ts'
import { type Buffer, type BufferPool, PART_BYTES, RENEW_MS, SIZES } from './buffer-pool.ts'
import { Loans } from './loans.ts'
import { type PartPipeline, sourceOf, tailSource } from './part-pipeline.ts'
import type { SessionState } from './session-state.ts'

/** Three parts in flight and one that fills: a layer's speed is not bound to the latency of one part. */
const PARTS_IN_FLIGHT = 3

/** A client that fills a piece at this rate is fast. */
const FAST_BYTES_PER_MS = 512

/** A client that is fast and brings nothing for so long gives its part buffers back. */
const SLOW_MS = 1000

/** A piece is made durable after so long at the latest, and lent to others while its client is silent. */
const PIECE_MS = 10_000

/** While others wait for a piece, nobody keeps one for longer: whoever brings a byte now and then would keep it for ever. */
const PIECE_TURN_MS = 2000

/** A client that is silent for so long is gone. */
const SILENCE_MS = 5 * 60_000

/** How long a chunk waits for a piece before it is refused, and for a part buffer before it goes on without one. */
const PIECE_PATIENCE_MS = 10_000
const PART_PATIENCE_MS = 1000

/**
 * How a chunk ended: as it should; with bytes beyond its limit; before its end because the client went away or because another
 * request took over; because the upload was ended meanwhile; or for want of a buffer.
 */
export type Outcome = 'complete' | 'excess' | 'cut off' | 'interrupted' | 'ended' | 'crowded'

export interface ReceptionContext {
  pool: BufferPool
  state: SessionState
  pipeline: PartPipeline
  algorithm: Algorithm
}

export class Reception {
  readonly #context: ReceptionContext
  readonly #loans: Loans
  #piece: Buffer | undefined
  #pieceSince = 0
  /** While the client is fast: the tail, and the bytes that came since. Otherwise `#piece` has the bytes that came since. */
  #part: Buffer | undefined
  /** How many bytes of the one or the other are filled. */
  #filled = 0
  /** Since when the piece has bytes that are not durable. */
  #filledSince = 0
  /** How long this side had waited for the client when the piece began to fill. */
  #waitedBefore = 0
  #parking: Promise<void> | undefined
  /** Whether the client may get a part buffer: where there was none, it asks again with its next part. */
  #mayHavePart = true
  #reader: BodyReader | undefined
  /** Why nothing more is read from the client. */
  #stopped: 'cut off' | 'interrupted' | undefined
  #failure: { error: unknown } | undefined

  constructor(context: ReceptionContext) {
    this.#context = context
    this.#loans = new Loans(context.pool)
  }

  /** For how long the client has brought nothing; 0 while it waits for this side. */
  get silentMs(): number {
    return this.#reader?.silentMs ?? 0
  }

  /** Takes nothing more from the client. What it has brought is made durable unless the upload is ended. */
  interrupt(): void {
    this.#stop('interrupted')
  }

  /**
   * Takes the chunk, of which `limit` bytes at most. However it ends, the state's offset tells how much is committed, and committed
   * bytes stay so.
   * @throws what the blob store threw; the bytes since the last committed part are then lost, but for the tail of before
   */
  async run(body: ReadableStream<Uint8Array>, limit: number): Promise<Outcome> {
    if ((await this.#buffer()) === undefined) return 'crowded'
    const clock = setInterval(() => this.#tick(), RENEW_MS)
    try {
      const reader = new BodyReader(body)
      this.#reader = reader
      const outcome = await this.#receive(reader, limit)
      if (outcome !== 'complete') await reader.cancel()
      await this.#save()
      return outcome
    } catch (error) {
      this.#stop('cut off')
      await this.#context.pipeline.drain().catch(() => undefined)
      throw error
    } finally {
      clearInterval(clock)
      this.#loans.giveBackAll()
    }
  }

  async #receive(reader: BodyReader, limit: number): Promise<Outcome> {
    await this.#writeFullTail()
    for (let received = 0; this.#context.state.phase === 'open'; ) {
      const chunk = await this.#read(reader, received)
      if (this.#failure !== undefined) throw this.#failure.error
      if (this.#context.state.phase !== 'open') break
      if (chunk === undefined || this.#stopped !== undefined) return this.#stopped ?? 'cut off'
      if (chunk.done) return 'complete'
      const bytes = chunk.value
      if (!(await this.#take(bytes.subarray(0, limit - received)))) return 'crowded'
      received += bytes.length
      if (received > limit) return 'excess'
    }
    return 'ended'
  }

  /**
   * The next bytes; undefined where the client went away. Left to itself, a read brings about 8 KB, and each leaves garbage that
   * is collected late: over 512 MiB the process grew by 100 MB. So a fast client's read waits for more. What it waits for is lost
   * when the client goes away meanwhile, so it waits for a quarter, at most, of what the chunk has brought so far.
   */
  async #read(reader: BodyReader, received: number) {
    const size = this.#part === undefined ? 'piece' : 'part'
    const view = this.#loans.takeView(size)
    const least = this.#part === undefined ? 1 : Math.min(received / 4, view.length)
    const chunk = await reader.read(view, least)
    // Parking may have given buffers back while the client was silent.
    await this.#parking
    if (chunk?.value !== undefined) this.#loans.keepView(size, chunk.value)
    return chunk
  }

  /** @returns false where there was no buffer for the rest of them */
  async #take(bytes: Uint8Array): Promise<boolean> {
    for (let rest = bytes; rest.length > 0; ) {
      const buffer = await this.#buffer()
      if (buffer === undefined) return false
      // A part begins with the tail; a piece stands behind it, and must not go past the end of the part.
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
        await this.#emptyPiece()
      }
    }
    return true
  }

  /** The part or the piece that fills; undefined where none was to be had in time. */
  async #buffer(): Promise<Buffer | undefined> {
    const buffer = this.#part ?? this.#piece
    if (buffer !== undefined) return buffer
    this.#piece = await this.#loans.borrow('piece', PIECE_PATIENCE_MS)
    this.#pieceSince = Date.now()
    return this.#piece
  }

  /** The piece is full or due: a fast client goes on with a part buffer, a slow one with its durable tail. */
  async #emptyPiece(): Promise<void> {
    const waitedMs = (this.#reader?.waitedMs ?? 0) - this.#waitedBefore
    this.#waitedBefore += waitedMs
    const isFast =
      this.#filled === SIZES.piece.bytes && this.#filled >= FAST_BYTES_PER_MS * waitedMs
    const part = isFast ? await this.#borrowPart() : undefined
    if (part === undefined) {
      await this.#savePiece()
      if (this.#isPieceWanted()) this.#giveBackPiece()
      return this.#writeFullTail()
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
    pipeline.write(sourceOf(part.bytes), algorithm).then(
      () => this.#loans.giveBack(part),
      (error) => this.#fail(error),
    )
    this.#part = undefined
    this.#filled = 0
    this.#mayHavePart = true
    this.#part = this.#loans.tryBorrow('part')
    if (this.#part !== undefined) return
    // Behind others that wait, so that the buffers go round.
    await pipeline.oldest()
    this.#part = await this.#borrowPart()
  }

  async #writeFullTail(): Promise<void> {
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

  /** Makes what has come durable, and gives the part buffers back. */
  async #save(): Promise<void> {
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

  /** The tail is what stands behind all parts: those in flight come before it, and take the tail of before with them. */
  async #saveTail(bytes: (tailLength: number) => Uint8Array): Promise<void> {
    const { state, pipeline } = this.#context
    await pipeline.drain()
    if (state.phase === 'open') state.appendTail(bytes(state.tailLength))
  }

  /** Renews what is lent, and takes it from a client that has become slow or silent. */
  #tick(): void {
    this.#loans.renew()
    const { silentMs } = this
    if (silentMs >= SILENCE_MS) this.#stop('cut off')
    const isDue =
      this.#part === undefined
        ? this.#piece !== undefined && (silentMs >= PIECE_MS || this.#isPieceWanted())
        : silentMs >= SLOW_MS
    if (!isDue || silentMs === 0 || this.#parking !== undefined) return
    this.#parking = this.#park().finally(() => {
      this.#parking = undefined
    })
  }

  async #park(): Promise<void> {
    try {
      await this.#save()
      this.#giveBackPiece()
    } catch (error) {
      this.#fail(error)
    }
  }

  #isPieceWanted(): boolean {
    return Date.now() - this.#pieceSince >= PIECE_TURN_MS && this.#loans.isWanted('piece')
  }

  #giveBackPiece(): void {
    if (this.#piece !== undefined) this.#loans.giveBack(this.#piece)
    this.#piece = undefined
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#stop('cut off')
  }

  #stop(why: 'cut off' | 'interrupted'): void {
    this.#stopped ??= why
    void this.#reader?.cancel()
  }

  async #borrowPart(): Promise<Buffer | undefined> {
    if (!this.#mayHavePart) return undefined
    const part = await this.#loans.borrow('part', PART_PATIENCE_MS)
    this.#mayHavePart = part !== undefined
    return part
  }
}
