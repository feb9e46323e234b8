/**
 * Receives one chunk: reads what the client sends into buffers, saves them whenever it is silent, and reports how the chunk ended.
 */

import { RENEW_MS } from '../store/bytes/buffer-pool.ts'
import { BodyReader } from './body-reader.ts'
import type { Chunk, SessionAnswer } from './chunk.ts'
import { ChunkBuffers, type ChunkContext } from './chunk-buffers.ts'

/** A client that is silent for this long counts as disconnected. */
const SILENCE_MS = 5 * 60_000

/**
 * How a chunk ended: complete; with bytes beyond its limit; early because the client disconnected, or because another request took
 * over; because the upload was ended meanwhile; or because no buffer was available.
 */
export type ReceptionOutcome =
  | 'complete'
  | 'excess'
  | 'cut off'
  | 'interrupted'
  | 'ended'
  | 'crowded'

export class Reception {
  readonly #context: ChunkContext
  readonly #buffers: ChunkBuffers
  #parking: Promise<void> | undefined
  #reader: BodyReader | undefined
  /** Why reading from the client stopped. */
  #stopped: 'cut off' | 'interrupted' | undefined
  #failure: { error: unknown } | undefined

  constructor(context: ChunkContext) {
    this.#context = context
    this.#buffers = new ChunkBuffers(context, (error) => this.#fail(error))
  }

  /** How long the client has sent nothing; 0 while it waits for this side. */
  get silentMs(): number {
    return this.#reader?.silentMs ?? 0
  }

  /** Stops reading from the client. The received bytes become durable unless the upload is ended. */
  interrupt(): void {
    this.#stop('interrupted')
  }

  /**
   * Receives the chunk, at most `limit` bytes. However it ends, the state's offset is the number of committed bytes, and committed
   * bytes stay committed.
   * @throws the error of the blob store; the bytes after the last committed part are then lost, except the previous tail
   */
  async run(body: ReadableStream<Uint8Array>, limit: number): Promise<ReceptionOutcome> {
    if (!(await this.#buffers.begin())) return 'crowded'
    const clock = setInterval(() => this.#tick(), RENEW_MS)
    try {
      const reader = new BodyReader(body)
      this.#reader = reader
      const outcome = await this.#receive(reader, limit)
      if (outcome !== 'complete') await reader.cancel()
      await this.#buffers.save()
      return outcome
    } catch (error) {
      this.#stop('cut off')
      await this.#context.pipeline.drain().catch(() => undefined)
      throw error
    } finally {
      clearInterval(clock)
      this.#buffers.giveBackAll()
    }
  }

  async #receive(reader: BodyReader, limit: number): Promise<ReceptionOutcome> {
    await this.#buffers.writeFullTail()
    for (let received = 0; this.#context.state.phase === 'open'; ) {
      const chunk = await this.#read(reader, received)
      if (this.#failure !== undefined) throw this.#failure.error
      if (this.#context.state.phase !== 'open') break
      if (chunk === undefined || this.#stopped !== undefined) return this.#stopped ?? 'cut off'
      if (chunk.done) return 'complete'
      const bytes = chunk.value
      const isTaken = await this.#buffers.take(bytes.subarray(0, limit - received), reader.waitedMs)
      if (!isTaken) return 'crowded'
      received += bytes.length
      if (received > limit) return 'excess'
    }
    return 'ended'
  }

  /**
   * The next bytes; undefined if the client disconnected. By default a read returns about 8 KB, and each read leaves garbage that
   * is collected late: over 512 MiB the process grew by 100 MB. So a read from a fast client waits for more bytes. They are lost if
   * the client disconnects meanwhile, so a read waits for at most a quarter of what the chunk has received so far.
   */
  async #read(reader: BodyReader, received: number) {
    const size = this.#buffers.hasPart ? 'part' : 'piece'
    const view = this.#buffers.takeView(size)
    const least = size === 'piece' ? 1 : Math.min(received / 4, view.length)
    const chunk = await reader.read(view, least)
    // Parking may have returned buffers while the client was silent.
    await this.#parking
    if (chunk?.value !== undefined) this.#buffers.keepView(size, chunk.value)
    return chunk
  }

  /** Renews the lent buffers. Saves and returns the buffers of a client that has become slow or silent. */
  #tick(): void {
    this.#buffers.renew()
    const { silentMs } = this
    if (silentMs >= SILENCE_MS) this.#stop('cut off')
    if (this.#parking !== undefined || !this.#buffers.isDue(silentMs)) return
    this.#parking = this.#buffers
      .park()
      .catch((error) => this.#fail(error))
      .finally(() => {
        this.#parking = undefined
      })
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#stop('cut off')
  }

  #stop(why: 'cut off' | 'interrupted'): void {
    this.#stopped ??= why
    void this.#reader?.cancel()
  }
}

/** What the client is answered. The offsets are those before the chunk, and after what was taken of it. */
export function answerOf(
  outcome: ReceptionOutcome,
  { length }: Pick<Chunk, 'length'>,
  { before, after: offset }: { before: number; after: number },
): SessionAnswer {
  switch (outcome) {
    case 'ended':
      return { kind: 'unknown' }
    case 'crowded':
      return { kind: 'crowded' }
    case 'interrupted':
      return { kind: 'range invalid', offset }
    case 'complete': {
      const isWhole = length === null || length === offset - before
      return { kind: isWhole ? 'open' : 'size invalid', offset }
    }
    default:
      return { kind: 'size invalid', offset }
  }
}
