/**
 * The state of an upload session, in the SQLite storage of its Durable Object: it survives evictions, deploys and crashes. The
 * committed bytes are the parts, each of PART_BYTES and without a gap, and after them the tail, which is shorter than a part. Each
 * method is one synchronous transaction, so the state is always consistent. It is read once, when the object starts.
 */
import type { Digest } from '../oci/digest.ts'
import type { Part } from '../store/bytes/blob-store.ts'
import { PART_BYTES } from '../store/bytes/buffer-pool.ts'
import { assertMove, type Phase } from './phases.ts'
import { NONE, SCHEMA, SQL, type UploadRow } from './session-schema.ts'

/** A row of a Durable Object's storage holds at most 2 MB. */
const TAIL_ROW_BYTES = 1024 * 1024

/** The last request is recorded to the minute, which saves writes: uploads live for a day. */
const TOUCH_MS = 60_000

const NO_BYTES = { storage_key: '', parts_id: null, parts: 0, tail: 0 } as const

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

  /** Whether the upload takes bytes or the closing request. */
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

  /** How many bytes are committed: the offset at which a client resumes. */
  get offset(): number {
    return this.#row.parts * PART_BYTES + this.#row.tail
  }

  /** Opens the upload before its first byte. The bytes will be stored under `storageKey`. */
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

  /** Marks that all bytes were received. May be repeated with the same digest. */
  finish(digest: Digest): void {
    if (this.phase === 'finishing' && this.digest === digest) return
    this.#move('finishing', { digest }, [SQL.finish, digest])
  }

  /** Marks the blob as committed. Only the digest is kept, to answer a repeated closing PUT. */
  done(): void {
    this.#move('done', NO_BYTES, [SQL.done], ...this.#clear())
  }

  /** Ends the upload: it takes no more bytes. The storage key and the parts' id stay until their bytes are discarded. */
  end(): void {
    if (this.phase === 'none') this.#begin('ended', '')
    else this.#move('ended', {}, [SQL.end])
  }

  /** Records that all bytes of the session are removed. */
  discarded(): void {
    this.#change(NO_BYTES, [SQL.discarded], ...this.#clear())
  }

  /** Deletes all state and the alarm, as if the object had never been called. */
  async forget(): Promise<void> {
    await this.#storage.deleteAll()
    this.#hasSchema = false
    this.#row = NONE
  }

  /**
   * Records that the next part is in the blob store. Its first `tailLength` bytes are the tail, which is deleted in the same
   * transaction.
   * @throws {Error} if it is not the next part, or does not include the whole tail: a bug of the session
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
    if (this.phase !== 'open')
      throw new Error(`bytes cannot be added to the tail while ${this.phase}`)
    const rows: Change[] = []
    for (let from = 0; from < bytes.length; from += TAIL_ROW_BYTES) {
      rows.push([SQL.addTail, this.tailLength + from, bytes.subarray(from, from + TAIL_ROW_BYTES)])
    }
    this.#change({ tail: this.tailLength + bytes.length }, ...rows)
  }

  /** The tail from its start, one row at a time. It must not change until the last row is read. */
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

  /** Runs all statements or none. A single statement needs no transaction for that. */
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
