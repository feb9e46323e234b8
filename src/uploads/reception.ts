/** One chunk on its way in: reads what the client sends, into buffers that are saved whenever it goes silent, and says how it ended. */
import { BodyReader } from './body-reader.ts'
import { RENEW_MS } from './buffer-pool.ts'
import type { Chunk, SessionAnswer } from './chunk.ts'
import { ChunkBuffers, type ChunkContext } from './chunk-buffers.ts'

/** A client that is silent for so long is gone. */
const SILENCE_MS = 5 * 60_000

/**
 * How a chunk ended: as it should; with bytes beyond its limit; before its end because the client went away or because another
 * request took over; because the upload was ended meanwhile; or for want of a buffer.
 */
export type Outcome = 'complete' | 'excess' | 'cut off' | 'interrupted' | 'ended' | 'crowded'

export class Reception {
  readonly #context: ChunkContext
  readonly #buffers: ChunkBuffers
  #parking: Promise<void> | undefined
  #reader: BodyReader | undefined
  /** Why nothing more is read from the client. */
  #stopped: 'cut off' | 'interrupted' | undefined
  #failure: { error: unknown } | undefined

  constructor(context: ChunkContext) {
    this.#context = context
    this.#buffers = new ChunkBuffers(context, (error) => this.#fail(error))
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

  async #receive(reader: BodyReader, limit: number): Promise<Outcome> {
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
   * The next bytes; undefined where the client went away. Left to itself, a read brings about 8 KB, and each leaves garbage that
   * is collected late: over 512 MiB the process grew by 100 MB. So a fast client's read waits for more. What it waits for is lost
   * when the client goes away meanwhile, so it waits for a quarter, at most, of what the chunk has brought so far.
   */
  async #read(reader: BodyReader, received: number) {
    const size = this.#buffers.hasPart ? 'part' : 'piece'
    const view = this.#buffers.takeView(size)
    const least = size === 'piece' ? 1 : Math.min(received / 4, view.length)
    const chunk = await reader.read(view, least)
    // Parking may have given buffers back while the client was silent.
    await this.#parking
    if (chunk?.value !== undefined) this.#buffers.keepView(size, chunk.value)
    return chunk
  }

  /** Renews what is lent, and saves and gives back what a client holds that has become slow or silent. */
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
  outcome: Outcome,
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
