/** The buffers that one chunk holds of the pool, and the view that its body is read into. */
import type { Buffer, BufferPool, Size } from './buffer-pool.ts'

export class Loans {
  readonly #pool: BufferPool
  readonly #lent = new Set<Buffer>()
  #view: { size: Size; bytes: Uint8Array<ArrayBuffer> } | undefined

  constructor(pool: BufferPool) {
    this.#pool = pool
  }

  /** A view for the next read. The bytes of the previous read must not be needed any more. */
  takeView(size: Size): Uint8Array<ArrayBuffer> {
    const view = this.#view
    this.#view = undefined
    if (view?.size === size) return view.bytes
    if (view !== undefined) this.#pool.releaseView(view.size, view.bytes)
    return this.#pool.takeView(size)
  }

  /** Keeps the memory of a read for this chunk. The bytes stay valid until it takes the next view. */
  keepView(size: Size, read: Uint8Array<ArrayBuffer>): void {
    this.#view = { size, bytes: new Uint8Array(read.buffer) }
  }

  /** A buffer, in the order of the requests; undefined after `patienceMs`. */
  async borrow(size: Size, patienceMs: number): Promise<Buffer | undefined> {
    return this.#keep(await this.#pool.acquire(size, patienceMs))
  }

  /** A buffer, if one is available at once and no request waits for one. */
  tryBorrow(size: Size): Buffer | undefined {
    return this.#keep(this.#pool.tryAcquire(size))
  }

  isWanted(size: Size): boolean {
    return this.#pool.isWanted(size)
  }

  /** Marks all buffers as still in use. Must be called every RENEW_MS. */
  renew(): void {
    for (const buffer of this.#lent) this.#pool.renew(buffer)
  }

  giveBack(buffer: Buffer): void {
    if (this.#lent.delete(buffer)) this.#pool.release(buffer)
  }

  giveBackAll(): void {
    for (const buffer of this.#lent) this.giveBack(buffer)
    if (this.#view !== undefined) this.#pool.releaseView(this.#view.size, this.#view.bytes)
    this.#view = undefined
  }

  #keep(buffer: Buffer | undefined): Buffer | undefined {
    if (buffer !== undefined) this.#lent.add(buffer)
    return buffer
  }
}
