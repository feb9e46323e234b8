/**
 * The knowledge of this isolate about the edge cache: the fills under way, the digests that were requested, and whether fills succeed
 * at all.
 */

import type { Digest } from '../../oci/digest.ts'

/** Requested digests that are remembered, at about 150 bytes each. */
const ASKED_AT_MOST = 1000

/** One failure may be a lost connection. A second one in a row shows that the cache stores nothing, as on workers.dev. */
const FAILURES_AT_MOST = 2
const REST_MS = 10 * 60_000

/** A fill that is not settled after this time has ended with its request. */
const LOST_AFTER_MS = 60_000

interface Fill {
  settled: Promise<void>
  begun: number
}

/** Only `failed` counts as a failure. */
export type FillOutcome = 'filled' | 'failed' | 'not tried'

export class CacheFills {
  readonly #fills = new Map<string, Fill>()
  /** The number of requests of each digest. The least recently requested comes first. */
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

  /** Whether the digest was requested more than once. */
  askedByOthers(digest: Digest): boolean {
    return (this.#asked.get(digest) ?? 0) > 1
  }

  /** Settles when the fill under way has ended in any way; undefined if there is none. */
  running(key: string): Promise<void> | undefined {
    const fill = this.#fills.get(key)
    return fill === undefined || Date.now() - fill.begun > LOST_AFTER_MS ? undefined : fill.settled
  }

  mayBegin(key: string): boolean {
    return Date.now() >= this.#restUntil && this.running(key) === undefined
  }

  /** @returns a function that ends the fill; to be called once */
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
