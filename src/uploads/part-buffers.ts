/**
 * The memory of all uploads of an isolate: a fixed number of part-sized buffers, lent and given back. A fresh buffer for each
 * part would be garbage that the collector takes late (the process grew to 344 MB over 1 GiB), and many uploads at once
 * would add up past the 128 MB that an isolate has. Who finds none waits, in order; a client's bytes wait with it.
 */

/** R2 takes parts from 5 MiB, all equal but the last, and at most 10,000: a blob of 48.8 GiB. */
export const PART_BYTES = 5 * 1024 * 1024

/** 12 of 5 MiB are 60 MiB, less than half of an isolate's 128 MB. */
const BUFFERS_AT_MOST = 12

export class PartBuffers {
  readonly #free: Uint8Array<ArrayBuffer>[] = []
  readonly #waiting: ((buffer: Uint8Array<ArrayBuffer>) => void)[] = []
  #made = 0

  /** A buffer of PART_BYTES with arbitrary content, as soon as there is one. */
  acquire(): Promise<Uint8Array<ArrayBuffer>> {
    const buffer = this.tryAcquire()
    if (buffer !== undefined) return Promise.resolve(buffer)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** A buffer if one is to be had at once, and nobody is waiting for it. */
  tryAcquire(): Uint8Array<ArrayBuffer> | undefined {
    const free = this.#free.pop()
    if (free !== undefined) return free
    if (this.#made === BUFFERS_AT_MOST) return undefined
    this.#made += 1
    return new Uint8Array(PART_BYTES)
  }

  /** Gives a buffer back. It must not be used any more. */
  release(buffer: Uint8Array<ArrayBuffer>): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free.push(buffer)
    else next(buffer)
  }
}

/** One pool for every session in the isolate. */
export const partBuffers = new PartBuffers()
