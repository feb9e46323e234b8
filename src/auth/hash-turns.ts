/**
 * One slow hash at a time in an isolate. A hash computes without a pause: many side by side would keep every other request waiting
 * until the last one is done.
 */
import { RegistryError } from '../oci/errors.ts'

/** Between two looks at whether the turn is free. What else waits for the isolate gets it meanwhile. */
const LOOK_MS = 20

/** After so many looks at the same turn its request is gone: a client that leaves ends its request anywhere. */
const ABANDONED_LOOKS = 50

/** After so long a login is refused: what it waits for may be any number of wrong passwords. */
const PATIENCE_MS = 15_000

export class HashTurns {
  #turn: object | null = null
  readonly #looksAtMost: number

  constructor(patienceMs = PATIENCE_MS) {
    this.#looksAtMost = patienceMs / LOOK_MS
  }

  /**
   * Computes when it is its turn; true without that where meanwhile `isFound`.
   * @throws {RegistryError} UNAVAILABLE with `Retry-After` where its turn does not come in time
   */
  async take(compute: () => Promise<boolean>, isFound: () => boolean): Promise<boolean> {
    const turn = {}
    let last = this.#turn
    let isMine = last === null
    // A promise of another request cannot be waited for. What two looks find free is taken, so that others come between.
    for (let looks = 0, all = 1; !isMine; last = this.#turn, all += 1) {
      await scheduler.wait(LOOK_MS)
      if (isFound()) return true
      if (all >= this.#looksAtMost) throw crowded()
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

function crowded(): RegistryError {
  return new RegistryError('UNAVAILABLE', {
    message: 'too many logins at once: try again in a few seconds',
    headers: { 'Retry-After': '5' },
  })
}
