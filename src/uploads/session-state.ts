/**
 * What an upload session knows, in the SQLite storage of its Durable Object: it survives eviction, deploys and crashes. The
 * committed bytes are the parts, all of PART_BYTES and without a gap, and behind them the tail, which is shorter than a part.
 * Each method is one synchronous transaction, so the state is whole at every moment. It is read once, when the object wakes.
 */
import type { Digest } from '../oci/digest.ts'
import type { Part } from '../store/blob-store.ts'
import { PART_BYTES } from './buffer-pool.ts'
import { assertMove, type Phase } from './phases.ts'
import { NONE, SCHEMA, SQL, type UploadRow } from './session-schema.ts'

/** A row of a Durable Object's storage holds 2 MB at most. */
const TAIL_ROW_BYTES = 1024 * 1024

/** To know the minute of the last request is enough for a life of a day, and spares writes. */
const TOUCH_MS = 60_000

const NO_BYTES = { storage_key: '', parts_id: null, parts: 0, tail: 0 } as const

/** A statement and what it takes. */
type Change = [sql: string, ...values: (SqlStorageValue | Uint8Array)[]]

export class SessionState {
  readonly #storage: DurableObjectStorage
  #hasSchema: boolean
  #row: UploadRow

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
    this.#hasSchema = storage.sql.exec(SQL.hasSchema).toArray().length > 0
    const rows = this.#hasSchema ? storage.sql.exec<UploadRow>(SQL.load).toArray() : []
    this.#row = rows[0] ?? NONE
  }

  get phase(): Phase {
    return this.#row.phase
  }

  /** Whether bytes may come, or the closing request. */
  get isLive(): boolean {
    return this.phase === 'open' || this.phase === 'finishing'
  }

  get begunAt(): number {
    return this.#row.begun_at
  }

  get touchedAt(): number {
    return this.#row.touched_at
  }

  get storageKey(): string {
    return this.#row.storage_key
  }

  get partsId(): string | null {
    return this.#row.parts_id
  }

  get digest(): Digest | null {
    return this.#row.digest
  }

  get partCount(): number {
    return this.#row.parts
  }

  get tailLength(): number {
    return this.#row.tail
  }

  /** How many bytes are committed: the true offset, which a client resumes at. */
  get offset(): number {
    return this.#row.parts * PART_BYTES + this.#row.tail
  }

  /** The first byte is about to come. The bytes will be stored under `storageKey`. */
  open(storageKey: string): void {
    this.#begin('open', storageKey)
  }

  touch(): void {
    const touched_at = Date.now()
    if (touched_at - this.touchedAt < TOUCH_MS) return
    this.#change({ touched_at }, [SQL.touch, touched_at])
  }

  setPartsId(id: string): void {
    this.#change({ parts_id: id }, [SQL.setPartsId, id])
  }

  /** All bytes are here. May be said again with the same digest. */
  finish(digest: Digest): void {
    if (this.phase === 'finishing' && this.digest === digest) return
    this.#move('finishing', { digest }, [SQL.finish, digest])
  }

  /** The blob is committed. Only the digest is kept: a repeated closing PUT is answered with it. */
  done(): void {
    this.#move('done', NO_BYTES, [SQL.done], ...this.#clear())
  }

  /** Takes no more bytes. The storage key and the parts' id stay until what they name is discarded. */
  end(): void {
    if (this.phase === 'none') this.#begin('ended', '')
    else this.#move('ended', {}, [SQL.end])
  }

  /** Nothing is left of the session's bytes. */
  discarded(): void {
    this.#change(NO_BYTES, [SQL.discarded], ...this.#clear())
  }

  /** Forgets everything, the alarm too: the object is as if it had never been called. */
  async forget(): Promise<void> {
    await this.#storage.deleteAll()
    this.#hasSchema = false
    this.#row = NONE
  }

  /**
   * The next part is in the blob store. Its first `tailLength` bytes are the tail, which goes in the same transaction.
   * @throws {Error} where it is not the next part, or leaves bytes of the tail out: a bug of the session
   */
  addPart({ number, etag }: Part, tailLength: number): void {
    const isNext = number === this.partCount + 1 && tailLength === this.tailLength
    if (this.phase !== 'open' || !isNext) {
      const here = `${this.partCount} parts and ${this.tailLength} bytes, while ${this.phase}`
      throw new Error(`part ${number} with a tail of ${tailLength} bytes cannot follow ${here}`)
    }
    this.#change({ parts: number, tail: 0 }, [SQL.addPart, number, etag], ...this.#clearTail())
  }

  parts(): Part[] {
    return this.#storage.sql.exec<{ number: number; etag: string }>(SQL.parts).toArray()
  }

  appendTail(bytes: Uint8Array): void {
    if (this.phase !== 'open') throw new Error(`a tail while ${this.phase}`)
    const rows: Change[] = []
    for (let from = 0; from < bytes.length; from += TAIL_ROW_BYTES) {
      rows.push([SQL.addTail, this.tailLength + from, bytes.subarray(from, from + TAIL_ROW_BYTES)])
    }
    this.#change({ tail: this.tailLength + bytes.length }, ...rows)
  }

  /** The tail from its beginning, a row at a time. It must not change before the last one is taken. */
  *tail(): Generator<Uint8Array<ArrayBuffer>, void> {
    for (let start = 0; start < this.tailLength; ) {
      const { bytes } = this.#storage.sql.exec<{ bytes: ArrayBuffer }>(SQL.tailAt, start).one()
      yield new Uint8Array(bytes)
      start += bytes.byteLength
    }
  }

  #begin(phase: Phase, storage_key: string): void {
    assertMove(this.phase, phase)
    const now = Date.now()
    const schema: Change[] = this.#hasSchema ? [] : [[SCHEMA]]
    const known = { phase, begun_at: now, touched_at: now, storage_key }
    this.#change(known, ...schema, [SQL.begin, phase, now, now, storage_key])
    this.#hasSchema = true
  }

  #move(phase: Phase, known: Partial<UploadRow>, ...changes: readonly Change[]): void {
    assertMove(this.phase, phase)
    this.#change({ ...known, phase }, ...changes)
  }

  /** All statements or none: one alone needs no transaction for that. */
  #change(known: Partial<UploadRow>, ...changes: readonly Change[]): void {
    const write = () => {
      for (const [sql, ...values] of changes) this.#storage.sql.exec(sql, ...values)
    }
    if (changes.length > 1) this.#storage.transactionSync(write)
    else write()
    this.#row = { ...this.#row, ...known }
  }

  #clear(): Change[] {
    return this.partCount === 0 ? this.#clearTail() : [[SQL.clearParts], ...this.#clearTail()]
  }

  #clearTail(): Change[] {
    return this.tailLength === 0 ? [] : [[SQL.clearTail]]
  }
}
