/**
 * What tags meant a moment ago: held by the isolate for a few seconds where the operator allows it (TAG_HOLD_SECONDS), so that many
 * pulls of one tag cost one query. It holds what was found, never whether somebody may have it.
 */
import type { StoredManifest } from './manifests.ts'

const ENTRIES_AT_MOST = 1000
const BYTES_AT_MOST = 4 * 1024 * 1024
/** What an entry takes beside its manifest's text, about. */
const ENTRY_BYTES = 512

/** For so long a request waits for another one's query; one that was ended may never answer. */
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

/** For so long after a change a replica may not have heard of it. */
const LAG_MS = 60_000

type Read = () => Promise<StoredManifest | null>

export class HeldTags {
  /** The one that was not asked for longest comes first. */
  readonly #held = new Map<string, Held>()
  readonly #flights = new Map<string, Flight>()
  /** When a repository was changed here last; the one that was not changed for longest comes first. */
  readonly #changes = new Map<string, number>()
  #bytes = 0

  /**
   * What `tag` means, by `read` where that is not held; requests at the same time share one `read`. That there is no such tag is
   * not held: who waits for one to come must see it.
   */
  async resolve(
    repository: string,
    tag: string,
    holdMs: number,
    read: Read,
  ): Promise<StoredManifest | null> {
    const key = keyOf(repository, tag)
    const held = this.#take(key)
    if (held !== null) return held
    const flight = this.#flights.get(key)
    if (flight === undefined || Date.now() - flight.begunAt >= PATIENCE_MS) {
      return this.#fly(key, holdMs, read)
    }
    const shared = await inTime(flight.answer)
    return shared === undefined ? read() : shared
  }

  /** Forgets the tags of `repository`, those too that are being read: call it after each change there, and before it is answered. */
  drop(repository: string): void {
    const prefix = keyOf(repository, '')
    for (const key of this.#held.keys()) if (key.startsWith(prefix)) this.#remove(key)
    for (const key of this.#flights.keys()) if (key.startsWith(prefix)) this.#flights.delete(key)
    this.#changes.delete(repository)
    this.#changes.set(repository, Date.now())
    const [oldest] = this.#changes.keys()
    if (oldest !== undefined && this.#changes.size > ENTRIES_AT_MOST) this.#changes.delete(oldest)
  }

  /** Whether a replica may lag behind a change that was made here: what it says would be held on top. */
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
    // A flight that was dropped may bring what was true before the change.
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
    // A character of a string takes up to two bytes.
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

/** A repository's name has no colon. */
function keyOf(repository: string, tag: string): string {
  return `${repository}:${tag}`
}

/** Undefined where the answer does not come, or not in time: then it is for everybody to ask by himself. */
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
