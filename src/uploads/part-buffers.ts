/**
 * The memory of all uploads of an isolate: a fixed number of part-sized buffers, lent and given back. A fresh buffer for each
 * part would be garbage that the collector takes late (the process grew to 344 MB over 1 GiB), and many uploads at once
 * would add up past the 128 MB that an isolate has. Who finds none waits; a client's bytes wait with it.
 */

/** R2 takes parts from 5 MiB, all equal but the last. */
export const PART_BYTES = 5 * 1024 * 1024

/** R2 takes 10,000 parts: 48.8 GiB. */
export const BLOB_BYTES_AT_MOST = 10_000 * PART_BYTES

/** 12 of 5 MiB are 60 MiB, less than half of an isolate's 128 MB. */
export const BUFFERS_AT_MOST = 12

const ASK_AGAIN_MS = 10

/** For so long after somebody found none, nobody gets a second one. */
const SCARCE_MS = 10 * ASK_AGAIN_MS

/**
 * Who neither gave a buffer back nor renewed it for so long is gone: a Durable Object that is torn down in the middle of a
 * request does not come to its `finally`. Longer than reading the largest blob back.
 */
export const LOST_MS = 30 * 60 * 1000

export class PartBuffers {
  readonly #free: Uint8Array<ArrayBuffer>[] = []
  /** When each buffer that is lent was taken or renewed. */
  readonly #lent = new Map<Uint8Array, number>()
  #missedAt = 0

  /** A buffer of PART_BYTES with arbitrary content, as soon as there is one. */
  async acquire(): Promise<Uint8Array<ArrayBuffer>> {
    for (;;) {
      const buffer = this.#take()
      if (buffer !== undefined) return buffer
      this.#missedAt = Date.now()
      this.#forgetLost()
      // Asking again, instead of being called: code of one Durable Object cannot continue another one's request.
      await scheduler.wait(ASK_AGAIN_MS)
    }
  }

  /** A buffer if one is to be had at once, and nobody is waiting for his first. */
  tryAcquire(): Uint8Array<ArrayBuffer> | undefined {
    return Date.now() - this.#missedAt < SCARCE_MS ? undefined : this.#take()
  }

  /** Tells that a buffer is still in use. */
  renew(buffer: Uint8Array<ArrayBuffer>): void {
    if (this.#lent.has(buffer)) this.#lent.set(buffer, Date.now())
  }

  /** Gives a buffer back. It must not be used any more. */
  release(buffer: Uint8Array<ArrayBuffer>): void {
    // One that was taken for lost was replaced.
    if (this.#lent.delete(buffer)) this.#free.push(buffer)
  }

  #take(): Uint8Array<ArrayBuffer> | undefined {
    const full = this.#free.length + this.#lent.size === BUFFERS_AT_MOST
    const buffer = this.#free.pop() ?? (full ? undefined : new Uint8Array(PART_BYTES))
    if (buffer !== undefined) this.#lent.set(buffer, Date.now())
    return buffer
  }

  #forgetLost(): void {
    for (const [buffer, since] of this.#lent) {
      if (Date.now() - since > LOST_MS) this.#lent.delete(buffer)
    }
  }
}

/** One pool for every session in the isolate. */
export const partBuffers = new PartBuffers()
