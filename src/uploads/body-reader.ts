/** Reads a chunk's body into views that are used again, and tells for how long the client has let it wait. */

export class BodyReader {
  readonly #reader: ReadableStreamBYOBReader
  /** Since when this side waits for the client; null while the client waits for this side. */
  #since: number | null = null
  #waitedMs = 0

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader({ mode: 'byob' })
  }

  /** For how long the client has brought nothing; 0 while it waits for this side. */
  get silentMs(): number {
    return this.#since === null ? 0 : Date.now() - this.#since
  }

  /** For how long this side has waited for the client in all. */
  get waitedMs(): number {
    return this.#waitedMs
  }

  /** `least` bytes or what is left, in the memory of `view`, which is detached; undefined where the client went away. */
  async read(view: Uint8Array<ArrayBuffer>, least: number) {
    const start = Date.now()
    this.#since = start
    try {
      return await this.#reader.readAtLeast(Math.max(Math.trunc(least), 1), view)
    } catch {
      return undefined
    } finally {
      this.#since = null
      this.#waitedMs += Date.now() - start
    }
  }

  /** Lets go of the client; a read that waits for it ends. */
  async cancel(): Promise<void> {
    // A body that broke by itself needs no cancelling.
    await this.#reader.cancel().catch(() => undefined)
  }
}
