/**
 * A lock: one request at a time. A Durable Object does not serialise requests across awaits of R2 and of a body, so an upload
 * session needs it.
 */

export class Turns {
  #active: Promise<unknown> | undefined

  get isTaken(): boolean {
    return this.#active !== undefined
  }

  /** Runs `work` when its turn comes; null if another request keeps the turn for longer than `patienceMs`. */
  async take<T>(work: () => Promise<T>, patienceMs: number): Promise<T | null> {
    const deadline = Date.now() + patienceMs
    // Checked again after each wait, and taken without another await: of several waiting requests, one gets the turn.
    while (this.#active !== undefined) {
      if (!(await this.free(deadline - Date.now()))) return null
    }
    const running = work()
    this.#active = running
    try {
      return await running
    } finally {
      this.#active = undefined
    }
  }

  /** Waits until no request has the turn; false after `patienceMs`. */
  async free(patienceMs: number): Promise<boolean> {
    const deadline = Date.now() + patienceMs
    while (this.#active !== undefined) {
      const left = deadline - Date.now()
      if (left <= 0) return false
      // A timer left running would keep the object in memory.
      const over = new AbortController()
      const timer = scheduler.wait(left, { signal: over.signal }).catch(() => undefined)
      await Promise.race([this.#active.catch(() => undefined), timer])
      over.abort()
    }
    return true
  }
}
