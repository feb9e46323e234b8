/**
 * Re-blocks what a client sends, in chunks of any size, into the equal parts that the blob store takes. Part n is hashed and
 * written while part n+1 fills, in two buffers of the isolate's pool that take turns; what is left at the end of a chunk
 * becomes the session's durable tail. So an upload holds two parts in memory at most, whatever the size of the blob.
 */
import type { Algorithm } from '../oci/digest.ts'
import type { BlobStore } from '../store/blob-store.ts'
import { PART_BYTES, partBuffers } from './part-buffers.ts'
import { PartHash } from './part-hash.ts'
import type { SessionState } from './session-state.ts'

/** A buffer that is the session's own, so that a small blob or a slow client keeps none of the pool's from the others. */
const SMALL_BUFFER_BYTES = 64 * 1024

/**
 * The most that is read at once. Left to itself, a read brings about 8 KB, and each leaves garbage that is collected late: over
 * 512 MiB the process grew by 100 MB. So a read waits for more. What it waits for is lost when the client goes away meanwhile;
 * therefore it waits for a quarter, at most, of what the request has brought so far.
 */
const READ_BYTES = 512 * 1024

/** A client that sends nothing for so long keeps none of the pool's buffers. */
const IDLE_MS = 20_000

/**
 * How a chunk's body ended: as it should, with bytes beyond its limit, before its end because the client went away, or because
 * the session was ended meanwhile.
 */
export type Reception = 'complete' | 'excess' | 'cut off' | 'stopped'

export class PartWriter {
  readonly #store: BlobStore
  readonly #state: SessionState
  #algorithm: Algorithm = 'sha256'
  /** The bytes behind the last part: the durable tail, and what came since. */
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(0)
  #filled = 0
  /** The pool's second buffer while this session has it: the part that is being written, or was written last. */
  #spare: Uint8Array<ArrayBuffer> | undefined
  #writing: Promise<void> = Promise.resolve()
  #hash: PartHash | undefined
  #reader: ReadableStreamBYOBReader | undefined

  constructor(store: BlobStore, state: SessionState) {
    this.#store = store
    this.#state = state
  }

  /**
   * Takes a chunk, of which `limit` bytes at most. However it ends, the state's offset tells how much is committed, and
   * committed bytes stay so.
   * @throws what the blob store threw; the offset is then where the last part that was written ends, or the tail before it
   */
  async append(
    body: ReadableStream<Uint8Array>,
    limit: number,
    algorithm: Algorithm,
  ): Promise<Reception> {
    this.#algorithm = algorithm
    try {
      await this.#restoreTail()
      const reception = await this.#receive(body, limit)
      await this.#writing
      if (reception === 'stopped') this.#filled = 0
      else this.#state.appendTail(this.#buffer.subarray(this.#state.tailLength, this.#filled))
      return reception
    } catch (error) {
      await this.stop()
      await this.#writing.catch(() => undefined)
      this.#filled = 0
      throw error
    } finally {
      // A failure is this chunk's: the next one begins at what is committed.
      this.#writing = Promise.resolve()
      this.#release()
    }
  }

  /** Calls `use` with the bytes behind the last part, and with the hash of all parts unless it was lost. */
  async withTail<T>(
    use: (tail: Uint8Array<ArrayBuffer>, hash: PartHash | undefined) => Promise<T>,
  ): Promise<T> {
    const hash = this.#hash?.parts === this.#state.partCount ? this.#hash : undefined
    this.#hash = undefined
    try {
      await this.#restoreTail()
      return await use(this.#buffer.subarray(0, this.#filled), hash)
    } finally {
      this.#release()
    }
  }

  /** Lets go of the chunk that is being received, if there is one. */
  async stop(): Promise<void> {
    // A body that broke by itself needs no cancelling.
    await this.#reader?.cancel().catch(() => undefined)
  }

  async #receive(body: ReadableStream<Uint8Array>, limit: number): Promise<Reception> {
    const reader = body.getReader({ mode: 'byob' })
    this.#reader = reader
    let view = new Uint8Array(SMALL_BUFFER_BYTES)
    let received = 0
    for (;;) {
      const chunk = await this.#read(reader, view, Math.min(received / 4, READ_BYTES))
      if (this.#state.phase === 'ended') return 'stopped'
      if (chunk === undefined) return 'cut off'
      if (chunk.done) return 'complete'
      const bytes = chunk.value
      await this.#take(bytes.subarray(0, limit - received))
      received += bytes.length
      if (received > limit) {
        await reader.cancel().catch(() => undefined)
        return 'excess'
      }
      // A small blob shall not pay for large reads.
      const enough = received < SMALL_BUFFER_BYTES || bytes.buffer.byteLength === READ_BYTES
      view = enough ? new Uint8Array(bytes.buffer) : new Uint8Array(READ_BYTES)
    }
  }

  /**
   * The next bytes, `least` or what is left, or undefined where the client went away. While it lets wait for them, others get the
   * buffers.
   */
  async #read(reader: ReadableStreamBYOBReader, view: Uint8Array<ArrayBuffer>, least: number) {
    let parked: Promise<void> | undefined
    const timer = setTimeout(() => {
      parked = this.#park()
      parked.catch(() => undefined)
    }, IDLE_MS)
    const atLeast = Math.max(Math.trunc(least), 1)
    const chunk = await reader.readAtLeast(atLeast, view).catch(() => undefined)
    clearTimeout(timer)
    if (parked === undefined) return chunk
    await parked
    if (this.#state.phase !== 'ended') await this.#restoreTail()
    return chunk
  }

  /** Makes what came durable, and gives the buffers back. */
  async #park(): Promise<void> {
    await this.#writing
    if (this.#state.phase === 'ended') return
    this.#state.appendTail(this.#buffer.subarray(this.#state.tailLength, this.#filled))
    this.#giveBack()
  }

  async #take(bytes: Uint8Array): Promise<void> {
    let rest = bytes
    while (rest.length > 0) {
      await this.#reserve(Math.min(this.#filled + rest.length, PART_BYTES))
      const fitting = rest.subarray(0, this.#buffer.length - this.#filled)
      this.#buffer.set(fitting, this.#filled)
      partBuffers.renew(this.#buffer)
      if (this.#spare !== undefined) partBuffers.renew(this.#spare)
      this.#filled += fitting.length
      rest = rest.subarray(fitting.length)
      if (this.#filled === PART_BYTES) await this.#flush()
    }
  }

  /** Makes the buffer hold `length` bytes, at most PART_BYTES: first with a small one, then with one of the pool. */
  async #reserve(length: number): Promise<void> {
    if (this.#buffer.length >= length) return
    const small = length <= SMALL_BUFFER_BYTES
    const larger = small ? new Uint8Array(SMALL_BUFFER_BYTES) : await partBuffers.acquire()
    larger.set(this.#buffer.subarray(0, this.#filled))
    this.#buffer = larger
  }

  /** Starts writing the full buffer as the next part and goes on with the other one; without another one, waits. */
  async #flush(): Promise<void> {
    await this.#writing
    const full = this.#buffer
    this.#writing = this.#writePart(full)
    // Whoever awaits it next gets the error; a client that is being waited for would not notice before it sends more.
    this.#writing.catch(() => this.stop())
    const other = this.#spare ?? partBuffers.tryAcquire()
    if (other === undefined) {
      await this.#writing
    } else {
      this.#buffer = other
      this.#spare = full
    }
    this.#filled = 0
  }

  async #writePart(bytes: Uint8Array): Promise<void> {
    const { storageKey, partCount } = this.#state
    const partsId = this.#state.partsId ?? (await this.#store.beginParts(storageKey))
    if (this.#state.partsId === null) this.#state.setPartsId(partsId)
    if (partCount === 0) this.#hash = new PartHash(this.#algorithm)
    // Whoever fails, the other one still reads the buffer: it may not be given back before both have settled.
    const [written, hashed] = await Promise.allSettled([
      this.#store.writePart(storageKey, partsId, partCount + 1, bytes),
      this.#hash?.add(bytes),
    ])
    if (hashed.status === 'rejected') this.#hash = undefined
    if (written.status === 'rejected') throw written.reason
    this.#state.addPart(written.value)
  }

  async #restoreTail(): Promise<void> {
    const { tailLength } = this.#state
    if (this.#filled === tailLength) return
    await this.#reserve(tailLength)
    this.#state.readTail(this.#buffer)
    this.#filled = tailLength
  }

  #release(): void {
    this.#reader = undefined
    this.#giveBack()
  }

  /** Gives the pool's buffers back: what is committed is durable, and is read again where it is needed. */
  #giveBack(): void {
    if (this.#spare !== undefined) partBuffers.release(this.#spare)
    this.#spare = undefined
    if (this.#buffer.length < PART_BYTES) return
    partBuffers.release(this.#buffer)
    this.#buffer = new Uint8Array(0)
    this.#filled = 0
  }
}
