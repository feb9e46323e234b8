/** The buffers that one chunk has of the pool. */
import type { Buffer, BufferPool, Size } from './buffer-pool.ts'

export class Loans {
  readonly #pool: BufferPool
  readonly #lent = new Set<Buffer>()

  constructor(pool: BufferPool) {
    this.#pool = pool
  }

  has(buffer: Buffer): boolean {
    return this.#lent.has(buffer)
  }

  /** A buffer in the order of asking; undefined where `patienceMs` did not suffice. */
  async borrow(size: Size, patienceMs: number): Promise<Buffer | undefined> {
    return this.#keep(await this.#pool.acquire(size, patienceMs))
  }

  /** A buffer if one is to be had at once, and nobody waits for one. */
  tryBorrow(size: Size): Buffer | undefined {
    return this.#keep(this.#pool.tryAcquire(size))
  }

  isWanted(size: Size): boolean {
    return this.#pool.isWanted(size)
  }

  /** Says that all are still in use; to be called every RENEW_MS. */
  renew(): void {
    for (const buffer of this.#lent) this.#pool.renew(buffer)
  }

  giveBack(buffer: Buffer): void {
    if (this.#lent.delete(buffer)) this.#pool.release(buffer)
  }

  giveBackAll(): void {
    for (const buffer of this.#lent) this.giveBack(buffer)
  }

  #keep(buffer: Buffer | undefined): Buffer | undefined {
    if (buffer !== undefined) this.#lent.add(buffer)
    return buffer
  }
}
