/**
 * The memory of all uploads of an isolate: buffers of two sizes, lent and returned, within one budget. Fresh buffers for each part
 * would become garbage that is collected late (the process grew to 344 MB over 1 GiB). Many concurrent uploads would exceed the
 * isolate's 128 MB.
 */
import { Line } from '../../lib/line.ts'

/** The exact size of all parts except an object's last, and the minimum size of parts in the stores (BlobStore.limits). */
export const PART_BYTES = 5 * 1024 * 1024

const KIB = 1024

/**
 * `part`: for a client that sends fast. `piece`: every chunk that is being received holds one, so their number limits the chunks
 * that an isolate receives at once. Each buffer comes with a view to read the body into.
 */
export const SIZES = {
  part: { bytes: PART_BYTES, view: 256 * KIB },
  piece: { bytes: 128 * KIB, view: 16 * KIB },
} as const
export type Size = keyof typeof SIZES

/** Less than half of an isolate's 128 MB: 11 parts, or 5 parts and all pieces. */
const BUDGET_BYTES = 60 * 1024 * KIB
export const PIECES_AT_MOST = 208

/**
 * A holder renews its buffers at this interval. A Durable Object that is torn down runs no `finally`, so buffers without renewal
 * count as lost.
 */
export const RENEW_MS = 500
const LOST_MS = 15_000

export class Buffer {
  readonly size: Size
  readonly bytes: Uint8Array<ArrayBuffer>

  constructor(size: Size) {
    this.size = size
    this.bytes = new Uint8Array(SIZES[size].bytes)
  }
}

export class BufferPool {
  readonly #free: Record<Size, Buffer[]> = { part: [], piece: [] }
  /** For each lent buffer the time when it was lent or last renewed. */
  readonly #lent = new Map<Buffer, number>()
  readonly #freeViews: Record<Size, Uint8Array<ArrayBuffer>[]> = { part: [], piece: [] }
  readonly #lines: Record<Size, Line> = { part: new Line(), piece: new Line() }

  /** Whether a request waits for a buffer of this size. */
  isWanted(size: Size): boolean {
    return !this.#lines[size].isEmpty
  }

  /** A buffer with arbitrary content, if one is available at once and no request waits for one. */
  tryAcquire(size: Size): Buffer | undefined {
    return this.#lines[size].isEmpty ? this.#take(size) : undefined
  }

  /** A buffer, in the order of the requests; undefined after `patienceMs`. */
  async acquire(size: Size, patienceMs: number): Promise<Buffer | undefined> {
    const buffer = this.tryAcquire(size)
    return buffer ?? this.#lines[size].wait(patienceMs, () => this.#take(size))
  }

  /** Marks a buffer as still in use. Must be called every RENEW_MS. */
  renew(buffer: Buffer): void {
    if (this.#lent.has(buffer)) this.#lent.set(buffer, Date.now())
  }

  /** Returns a buffer to the pool. The caller must not use it any more. */
  release(buffer: Buffer): void {
    // A buffer that counted as lost is not lent again: its holder may have used it until now.
    if (this.#lent.delete(buffer)) this.#free[buffer.size].push(buffer)
  }

  /** A view to read into. A read detaches it and returns its memory with the bytes; a failed read loses the memory. */
  takeView(size: Size): Uint8Array<ArrayBuffer> {
    return this.#freeViews[size].pop() ?? new Uint8Array(SIZES[size].view)
  }

  /** Returns a view to the pool. Its bytes must not be needed any more. */
  releaseView(size: Size, view: Uint8Array<ArrayBuffer>): void {
    if (this.#freeViews[size].length < this.#count(size)) this.#freeViews[size].push(view)
  }

  #take(size: Size): Buffer | undefined {
    this.#forgetLost()
    const buffer = this.#free[size].pop() ?? (this.#makeRoom(size) ? new Buffer(size) : undefined)
    if (buffer !== undefined) this.#lent.set(buffer, Date.now())
    return buffer
  }

  /** Whether one more buffer fits into the budget. Drops free buffers of the other size to make room. */
  #makeRoom(size: Size): boolean {
    if (size === 'piece' && this.#count('piece') >= PIECES_AT_MOST) return false
    const needed = this.#bytes('part') + this.#bytes('piece') + costOf(size) - BUDGET_BYTES
    const other = size === 'part' ? 'piece' : 'part'
    const dropped = Math.max(Math.ceil(needed / costOf(other)), 0)
    if (dropped > this.#free[other].length) return false
    this.#free[other].splice(0, dropped)
    return true
  }

  #bytes(size: Size): number {
    return this.#count(size) * costOf(size)
  }

  #count(size: Size): number {
    let lent = 0
    for (const buffer of this.#lent.keys()) if (buffer.size === size) lent++
    return this.#free[size].length + lent
  }

  #forgetLost(): void {
    const oldest = Date.now() - LOST_MS
    for (const [buffer, renewedAt] of this.#lent) {
      if (renewedAt < oldest) this.#lent.delete(buffer)
    }
  }
}

function costOf(size: Size): number {
  return SIZES[size].bytes + SIZES[size].view
}

/** All sessions of the isolate share one pool. */
export const bufferPool = new BufferPool()
