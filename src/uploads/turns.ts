/**
 * One request at a time. A Durable Object is not serialised across its awaits of R2 and of a body, so an upload session has this
 * lock of its own.
 */

/**
 * How long a request waits for another one of the same upload: a client that lost its connection asks again before this side
 * has noticed, and shall be told the offset that stays.
 */
const WAIT_MS = 1000

export class Turns {
  #active: Promise<unknown> | undefined

  get taken(): boolean {
    return this.#active !== undefined
  }

  /** Does `work` when it is its turn; null where another request keeps the turn for too long. */
  async take<T>(work: () => Promise<T>): Promise<T | null> {
    const deadline = Date.now() + WAIT_MS
    // Looked at once more after each wait, and taken without another: of several who waited, one gets it.
    while (this.#active !== undefined) {
      if (!(await this.#freeBefore(deadline))) return null
    }
    const running = work()
    this.#active = running
    try {
      return await running
    } finally {
      this.#active = undefined
    }
  }

  /** Waits until no request has the turn, or for as long as one would wait for it. */
  async free(): Promise<void> {
    await this.#freeBefore(Date.now() + WAIT_MS)
  }

  /** Waits for the request that has the turn, if there is one, however long it takes. */
  async settled(): Promise<void> {
    await this.#active?.catch(() => undefined)
  }

  async #freeBefore(deadline: number): Promise<boolean> {
    while (this.#active !== undefined) {
      const left = deadline - Date.now()
      if (left <= 0) return false
      // A timer that nobody waits for would keep the object in memory.
      const over = new AbortController()
      const timer = scheduler.wait(left, { signal: over.signal }).catch(() => undefined)
      await Promise.race([this.settled(), timer])
      over.abort()
    }
    return true
  }
}
