/**
 * The manifests of tags, held by the isolate for a few seconds if the operator allows it (TAG_HOLD_SECONDS). So many pulls of one tag
 * cost one query. Rights are not held: every request is checked.
 */
import type { StoredManifest } from './manifests.ts'

const ENTRIES_AT_MOST = 1000
const BYTES_AT_MOST = 4 * 1024 * 1024
/** About the memory of an entry without its manifest's text. */
const ENTRY_BYTES = 512

/** A request waits at most this long for another one's query. The query of a request that was ended may never answer. */
const PATIENCE_MS = 2000

interface Held {
  manifest: StoredManifest
  until: number
  bytes: number
}

interface Flight {
  answer: Promise<StoredManifest | null>
  begunAt: number
}

/** A replica may lag behind a change for this long. */
const LAG_MS = 60_000

type Read = () => Promise<StoredManifest | null>

export class HeldTags {
  /** The least recently used comes first. */
  readonly #held = new Map<string, Held>()
  readonly #flights = new Map<string, Flight>()
  /** The time of the last change of each repository by this isolate. The least recently changed comes first. */
  readonly #changes = new Map<string, number>()
  #bytes = 0

  /**
   * The manifest of `tag`. Calls `read` if none is held. Concurrent requests share one `read`. The absence of a tag is not held,
   * because a client may wait for the tag to appear.
   */
  async resolve(
    repository: string,
    tag: string,
    holdMs: number,
    read: Read,
  ): Promise<StoredManifest | null> {
    const key = tagKey(repository, tag)
    const held = this.#take(key)
    if (held !== null) return held
    const flight = this.#flights.get(key)
    if (flight === undefined || Date.now() - flight.begunAt >= PATIENCE_MS) {
      return this.#fly(key, holdMs, read)
    }
    const shared = await inTime(flight.answer)
    return shared === undefined ? read() : shared
  }

  /** Drops the tags of `repository`, and those being read. Must be called after each change there and before its response. */
  drop(repository: string): void {
    const prefix = tagKey(repository, '')
    for (const key of this.#held.keys()) if (key.startsWith(prefix)) this.#remove(key)
    for (const key of this.#flights.keys()) if (key.startsWith(prefix)) this.#flights.delete(key)
    this.#changes.delete(repository)
    this.#changes.set(repository, Date.now())
    const [oldest] = this.#changes.keys()
    if (oldest !== undefined && this.#changes.size > ENTRIES_AT_MOST) this.#changes.delete(oldest)
  }

  /** Whether a replica may lag behind a change by this isolate. Its old answer would be held for some time more. */
  changedLately(repository: string): boolean {
    const changedAt = this.#changes.get(repository)
    return changedAt !== undefined && Date.now() - changedAt < LAG_MS
  }

  #take(key: string): StoredManifest | null {
    const held = this.#held.get(key)
    if (held === undefined) return null
    if (held.until <= Date.now()) {
      this.#remove(key)
      return null
    }
    this.#held.delete(key)
    this.#held.set(key, held)
    return held.manifest
  }

  async #fly(key: string, holdMs: number, read: Read): Promise<StoredManifest | null> {
    const flight = { answer: read(), begunAt: Date.now() }
    this.#flights.set(key, flight)
    // A flight that was dropped may bring the state before the change.
    const isWanted = () => this.#flights.get(key) === flight
    try {
      const manifest = await flight.answer
      if (manifest !== null && isWanted()) this.#hold(key, manifest, flight.begunAt + holdMs)
      return manifest
    } finally {
      if (isWanted()) this.#flights.delete(key)
    }
  }

  #hold(key: string, manifest: StoredManifest, until: number): void {
    const { content } = manifest
    // A character takes up to two bytes.
    const bytes = ENTRY_BYTES + ('payload' in content ? 2 * content.payload.length : 0)
    this.#remove(key)
    this.#held.set(key, { manifest, until, bytes })
    this.#bytes += bytes
    for (const oldest of this.#held.keys()) {
      if (this.#held.size <= ENTRIES_AT_MOST && this.#bytes <= BYTES_AT_MOST) return
      this.#remove(oldest)
    }
  }

  #remove(key: string): void {
    const held = this.#held.get(key)
    if (held === undefined) return
    this.#held.delete(key)
    this.#bytes -= held.bytes
  }
}

/** Repository names have no colon. */
function tagKey(repository: string, tag: string): string {
  return `${repository}:${tag}`
}

/** Undefined if the answer fails or is late. Then each request reads for itself. */
function inTime<T>(answer: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), PATIENCE_MS)
    const settle = (value: T | undefined) => {
      clearTimeout(timer)
      resolve(value)
    }
    answer.then(settle, () => settle(undefined))
  })
}
