/**
 * What this isolate knows of the edge cache before the blob store: which objects it is being filled with, which were asked for,
 * and whether filling it is of any use.
 */

import type { Digest } from '../../oci/digest.ts'

/** Digests that were asked for and are remembered: about 150 bytes each. */
const ASKED_AT_MOST = 1000

/** One failure may be a lost connection; a second one in a row says that the cache takes nothing, as on workers.dev. */
const FAILURES_AT_MOST = 2
const REST_MS = 10 * 60_000

/** A fill that is still not settled was cut off with the request that it belonged to. */
const LOST_AFTER_MS = 60_000

interface Fill {
  settled: Promise<void>
  begun: number
}

/** `failed` counts; what was not tried does not. */
export type FillOutcome = 'filled' | 'failed' | 'not tried'

export class CacheFills {
  readonly #fills = new Map<string, Fill>()
  /** How often each content was asked for; the least recently asked for first. */
  readonly #asked = new Map<Digest, number>()
  #failures = 0
  #restUntil = 0

  ask(digest: Digest): void {
    const count = (this.#asked.get(digest) ?? 0) + 1
    this.#asked.delete(digest)
    this.#asked.set(digest, count)
    if (this.#asked.size <= ASKED_AT_MOST) return
    const [oldest] = this.#asked.keys()
    if (oldest !== undefined) this.#asked.delete(oldest)
  }

  /** Whether it was asked for more than once, earlier or just now. */
  askedByOthers(digest: Digest): boolean {
    return (this.#asked.get(digest) ?? 0) > 1
  }

  /** Settles when the fill that is under way does, whatever comes of it; undefined where none is. */
  running(key: string): Promise<void> | undefined {
    const fill = this.#fills.get(key)
    return fill === undefined || Date.now() - fill.begun > LOST_AFTER_MS ? undefined : fill.settled
  }

  mayBegin(key: string): boolean {
    return Date.now() >= this.#restUntil && this.running(key) === undefined
  }

  /** @returns what ends the fill; to be called once */
  begin(key: string): (outcome: FillOutcome) => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    const fill = { settled: promise, begun: Date.now() }
    this.#fills.set(key, fill)
    return (outcome) => {
      if (this.#fills.get(key) === fill) this.#fills.delete(key)
      if (outcome !== 'not tried') this.#judge(outcome === 'filled')
      resolve()
    }
  }

  #judge(filled: boolean): void {
    this.#failures = filled ? 0 : this.#failures + 1
    if (this.#failures < FAILURES_AT_MOST) return
    this.#failures = 0
    this.#restUntil = Date.now() + REST_MS
  }
}
