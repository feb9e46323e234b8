/**
 * Writes an upload's parts to the blob store, several at a time, and commits them in order: a part is recorded only after all parts
 * before it, so the committed bytes have no gap. A part that the store has but the state does not is written again when its bytes
 * arrive again.
 */
import { isPassing } from '../lib/passing-error.ts'
import { withRetries } from '../lib/retry.ts'
import type { Algorithm } from '../oci/digest.ts'
import type { BlobBody, BlobStore, Part } from '../store/bytes/blob-store.ts'
import { PartHash } from '../store/bytes/part-hash.ts'
import type { SessionState } from './session-state.ts'

/** A part's bytes. They can be read again for a repeated write. */
export interface PartSource {
  /** For the hash. */
  pieces(): Iterable<Uint8Array<ArrayBuffer>>
  /** For the store. */
  body(): BlobBody
}

interface PartInFlight {
  /** The commit of the part before it. */
  before: Promise<void> | undefined
  writing: Promise<Part>
  /** Records the part that was written. */
  add: (part: Part) => void
}

export class PartPipeline {
  readonly #store: BlobStore
  readonly #state: SessionState
  #begun: Promise<string> | undefined
  #hash: PartHash | undefined
  /** The commits of the parts in flight, in order: each settles after the one before it. */
  #commits: Promise<void>[] = []

  constructor(store: BlobStore, state: SessionState) {
    this.#store = store
    this.#state = state
  }

  /** How many parts are being written, or wait for an earlier one. */
  get inFlight(): number {
    return this.#commits.length
  }

  /**
   * Waits until the first part in flight is committed.
   * @throws the error of its write
   */
  async oldest(): Promise<void> {
    await this.#commits[0]
  }

  /** Begins the store's multipart upload early, so that it exists when the first part is full. */
  begin(): void {
    this.#partsId().catch(() => undefined)
  }

  /**
   * Writes the next part.
   * @returns when the part is committed and its source is not needed any more
   * @throws the store's error for this part or an earlier one; no part after the failed one is committed
   */
  write(source: PartSource, algorithm: Algorithm): Promise<void> {
    const number = this.#state.partCount + this.inFlight + 1
    // Only the first part in flight begins with the tail.
    const tailLength = this.inFlight === 0 ? this.#state.tailLength : 0
    const writing = this.#writePart(number, source)
    const add = (part: Part) => this.#state.addPart(part, tailLength)
    const commit = this.#commit({ before: this.#commits.at(-1), writing, add }, source, algorithm)
    this.#commits.push(commit)
    commit.catch(() => undefined)
    return commit
  }

  /**
   * Waits until no part is in flight.
   * @throws the error of the first part that failed; the next part may still be written
   */
  async drain(): Promise<void> {
    const commits = this.#commits
    await this.#begun?.catch(() => undefined)
    await commits.at(-1)?.catch(() => undefined)
    this.#commits = []
    await Promise.all(commits)
  }

  /** The hash of all committed parts, for the caller to finish; undefined if it was lost. */
  takeHash(): PartHash | undefined {
    const hash = this.#hash?.parts === this.#state.partCount ? this.#hash : undefined
    this.#hash = undefined
    return hash
  }

  async #commit(
    { before, writing, add }: PartInFlight,
    source: PartSource,
    algorithm: Algorithm,
  ): Promise<void> {
    // The store reads the source until its write settles, whether or not the previous part failed.
    const [earlier, written] = await Promise.allSettled([before, writing])
    if (earlier.status === 'rejected') throw earlier.reason
    if (written.status === 'rejected') throw written.reason
    if (this.#state.phase === 'open') await this.#addToHash(source, algorithm)
    // If the upload was cancelled meanwhile, the part is removed with the store's multipart upload.
    if (this.#state.phase === 'open') add(written.value)
    void this.#commits.shift()
  }

  /** Hashes a part after it was written, so that the hash is never ahead of the committed parts. */
  async #addToHash(source: PartSource, algorithm: Algorithm): Promise<void> {
    if (this.#state.partCount === 0) this.#hash = new PartHash(algorithm)
    const hash = this.takeHash()
    await hash?.addPart(source.pieces())
    this.#hash = hash
  }

  async #writePart(number: number, source: PartSource): Promise<Part> {
    const { storageKey } = this.#state
    const id = await this.#partsId()
    return withRetries(
      () => this.#store.writePart(storageKey, id, number, source.body()),
      isPassing,
    )
  }

  async #partsId(): Promise<string> {
    const { partsId } = this.#state
    if (partsId !== null) return partsId
    this.#begun ??= this.#beginParts()
    return this.#begun
  }

  async #beginParts(): Promise<string> {
    const { storageKey } = this.#state
    try {
      const id = await withRetries(() => this.#store.beginParts(storageKey), isPassing)
      this.#state.setPartsId(id)
      return id
    } finally {
      this.#begun = undefined
    }
  }
}

export function sourceOf(bytes: Uint8Array<ArrayBuffer>): PartSource {
  return { pieces: () => [bytes], body: () => bytes }
}

/** The tail as a part or as a whole object, read from the session's storage without a buffer. */
export function tailSource(state: SessionState): PartSource {
  return { pieces: () => state.tail(), body: () => streamOf(state.tail(), state.tailLength) }
}

function streamOf(
  pieces: Iterable<Uint8Array<ArrayBuffer>>,
  length: number,
): ReadableStream<Uint8Array> {
  const { readable, writable } = new FixedLengthStream(length)
  const feed = async () => {
    const writer = writable.getWriter()
    for (const piece of pieces) await writer.write(piece)
    await writer.close()
  }
  // The reader of the stream has failed by then, and reports the error.
  feed().catch(() => undefined)
  return readable
}
