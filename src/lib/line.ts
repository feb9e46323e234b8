/**
 * Requests that wait for their turn, in the order in which they asked. Code of one request cannot continue another one, so each of them
 * asks again: the first in the line often, those behind it seldom. A thousand that ask every 10 ms would take all of the isolate's time.
 */

const ASK_AGAIN_MS = 10
const ASK_OFTEN = 8
const ASK_AGAIN_AT_LATEST_MS = 250

/** A place is lost if its request did not ask for this long: it ended where no `finally` runs. */
const PLACE_LOST_MS = 1000

interface Place {
  askedAt: number
}

export class Line {
  readonly #places: Place[] = []

  /** Whether nobody waits. */
  get isEmpty(): boolean {
    return this.#first() === undefined
  }

  /**
   * Waits until `take`, which is called only at the front of the line, gives something.
   * @returns undefined if that takes longer than `patienceMs`
   */
  async wait<T>(patienceMs: number, take: () => T | undefined): Promise<T | undefined> {
    const place: Place = { askedAt: Date.now() }
    this.#places.push(place)
    const deadline = place.askedAt + patienceMs
    try {
      while (place.askedAt < deadline) {
        await scheduler.wait(pauseAt(this.#places.indexOf(place)))
        place.askedAt = Date.now()
        // It was lost while the isolate was busy.
        if (!this.#places.includes(place)) this.#places.push(place)
        const taken = this.#first() === place ? take() : undefined
        if (taken !== undefined) return taken
      }
      return undefined
    } finally {
      const at = this.#places.indexOf(place)
      if (at >= 0) this.#places.splice(at, 1)
    }
  }

  #first(): Place | undefined {
    const oldest = Date.now() - PLACE_LOST_MS
    while (this.#places[0] !== undefined && this.#places[0].askedAt < oldest) this.#places.shift()
    return this.#places[0]
  }
}

/** Milliseconds until the request at this place asks again. */
function pauseAt(place: number): number {
  const pause = ASK_AGAIN_MS * (1 + Math.floor(Math.max(place, 0) / ASK_OFTEN))
  return Math.min(pause, ASK_AGAIN_AT_LATEST_MS)
}
