/**
 * One slow hash at a time in an isolate. A hash computes without a pause: several at once would block every other request until the
 * last one is done.
 */
import { RegistryError } from '../../oci/errors.ts'

/** The interval between two checks whether the turn is free. Other work of the isolate runs in between. */
const LOOK_MS = 20

/** After this many checks of the same turn, its request is gone: it can end anywhere when its client disconnects. */
const ABANDONED_LOOKS = 50

/** A login is refused after this wait: any number of wrong passwords may be ahead of it. */
const PATIENCE_MS = 15_000

export class HashTurns {
  #turn: object | null = null
  readonly #looksAtMost: number

  constructor(patienceMs = PATIENCE_MS) {
    this.#looksAtMost = patienceMs / LOOK_MS
  }

  /**
   * Computes when its turn comes. Returns true without computing once `isFound` is true.
   * @throws {RegistryError} UNAVAILABLE with `Retry-After` where its turn does not come in time
   */
  async take(compute: () => Promise<boolean>, isFound: () => boolean): Promise<boolean> {
    const turn = {}
    let last = this.#turn
    let isMine = last === null
    // A request cannot await a promise of another request. The turn is taken after two checks find it free, so that other requests
    // run in between.
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
