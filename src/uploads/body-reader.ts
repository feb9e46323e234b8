/** Reads a chunk's body into reused views, and measures how long the client has sent nothing. */

export class BodyReader {
  readonly #reader: ReadableStreamBYOBReader
  /** When this side began to wait for the client; null while the client waits for this side. */
  #since: number | null = null
  #waitedMs = 0

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader({ mode: 'byob' })
  }

  /** How long the client has sent nothing; 0 while it waits for this side. */
  get silentMs(): number {
    return this.#since === null ? 0 : Date.now() - this.#since
  }

  /** How long this side has waited for the client in total. */
  get waitedMs(): number {
    return this.#waitedMs
  }

  /**
   * Reads at least `least` bytes, or the rest, into the memory of `view`, which is detached. Undefined if the client disconnected.
   */
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

  /** Stops reading from the client. A pending read ends. */
  async cancel(): Promise<void> {
    // A body that has failed needs no cancelling.
    await this.#reader.cancel().catch(() => undefined)
  }
}
