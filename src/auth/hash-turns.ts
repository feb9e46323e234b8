/**
 * One slow hash at a time in an isolate. A hash computes without a pause: many side by side would keep every other request waiting
 * until the last one is done.
 */

/** Between two looks at whether the turn is free. What else waits for the isolate gets it meanwhile. */
const LOOK_MS = 20

/** After so many looks at the same turn its request is gone: a client that leaves ends its request anywhere. */
const ABANDONED_LOOKS = 50

export class HashTurns {
  #turn: object | null = null

  /** Computes when it is its turn; true without that where meanwhile `isFound`. */
  async take(compute: () => Promise<boolean>, isFound: () => boolean): Promise<boolean> {
    const turn = {}
    let last = this.#turn
    let isMine = last === null
    // A promise of another request cannot be waited for. What two looks find free is taken, so that others come between.
    for (let looks = 0; !isMine; last = this.#turn) {
      await scheduler.wait(LOOK_MS)
      if (isFound()) return true
      looks = this.#turn === last ? looks + 1 : 0
      isMine = looks > 0 && (this.#turn === null || looks >= ABANDONED_LOOKS)
    }
    this.#turn = turn
    try {
      return await compute()
    } finally {
      if (this.#turn === turn) this.#turn = null
    }
  }
}
