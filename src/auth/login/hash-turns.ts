/**
 * One slow hash at a time in an isolate, in the order of the logins. A hash computes without a pause: several at once would block every
 * other request until the last one is done.
 */
import { Line } from '../../lib/line.ts'
import { RegistryError } from '../../oci/errors.ts'

/** A login begins when it has found the turn free so often, at the front of the line: 20 ms in which other requests run. */
const FREE_LOOKS = 3

/** After this many looks at the same turn, for a second, its request is gone: it can end anywhere when its client disconnects. */
const ABANDONED_LOOKS = 100

/** A login is refused after this wait: any number of wrong passwords may be ahead of it. */
const PATIENCE_MS = 15_000

export class HashTurns {
  readonly #line = new Line()
  readonly #patienceMs: number
  #turn: object | null = null

  constructor(patienceMs = PATIENCE_MS) {
    this.#patienceMs = patienceMs
  }

  /**
   * Computes when its turn comes. Returns true without computing if `isFound` is true by then.
   * @throws {RegistryError} UNAVAILABLE with `Retry-After` if its turn does not come in time
   */
  async take(compute: () => Promise<boolean>, isFound: () => boolean): Promise<boolean> {
    const turn = {}
    if (this.#turn === null && this.#line.isEmpty) {
      this.#turn = turn
    } else {
      const outcome = await this.#line.wait(this.#patienceMs, this.#atFront(turn, isFound))
      if (outcome === undefined) throw crowded()
      if (outcome === 'found') return true
    }
    try {
      return await compute()
    } finally {
      if (this.#turn === turn) this.#turn = null
    }
  }

  /** Begins `turn` once it may begin. The clock stands still while a hash computes, so looks are counted, not milliseconds. */
  #atFront(turn: object, isFound: () => boolean): () => 'found' | 'mine' | undefined {
    let seen: object | null = null
    let looks = 0
    return () => {
      if (isFound()) return 'found'
      looks = this.#turn === seen ? looks + 1 : 1
      seen = this.#turn
      if (looks < (seen === null ? FREE_LOOKS : ABANDONED_LOOKS)) return undefined
      this.#turn = turn
      return 'mine'
    }
  }
}

function crowded(): RegistryError {
  return new RegistryError('UNAVAILABLE', {
    message: 'too many logins at once: try again in a few seconds',
    headers: { 'Retry-After': '5' },
  })
}
