/**
 * What an upload session knows, in the SQLite storage of its Durable Object: it survives eviction, deploys and crashes. The
 * committed bytes are the parts, all of PART_BYTES, and behind them the tail, which is too short for a part. Each method is
 * one synchronous transaction, so the state is whole at every moment. It is read once, when the object wakes. An object has one upload after the other: of those before the present one it knows which digest they were committed under.
 */
import type { Digest } from '../oci/digest.ts'
import type { Part } from '../store/blob-store.ts'
import { PART_BYTES } from './part-buffers.ts'
import { NONE, type Phase, SCHEMA, SQL, type UploadRow } from './session-schema.ts'

/** A row of a Durable Object's storage holds 2 MB at most. */
const TAIL_ROW_BYTES = 1024 * 1024

const TOUCH_MS = 60_000

const NO_BYTES = { storage_key: '', parts_id: null, parts: 0, tail: 0 } as const

/** A statement and what it takes. */
type Change = [sql: string, ...values: (SqlStorageValue | Uint8Array)[]]

export class SessionState {
  readonly #storage: DurableObjectStorage
  #row: UploadRow

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
    storage.sql.exec(SCHEMA)
    const [row] = storage.sql.exec<UploadRow>(SQL.load).toArray()
    this.#row = row ?? NONE
  }

  /** The id of the present upload, which may be over; '' where there was none yet. */
  get upload(): string {
    return this.#row.id
  }

  get phase(): Phase {
    return this.#row.phase
  }

  /** Whether bytes may come, or the closing request. */
  get live(): boolean {
    return ['fresh', 'open', 'finishing'].includes(this.#row.phase)
  }

  /** Whether the object may have another upload: the present one, if there is one, needs nothing from it any more. */
  get free(): boolean {
    return this.#row.id === '' || ['whole', 'done'].includes(this.#row.phase)
  }

  /** When the upload was begun, went on or ended, in milliseconds since the epoch; 0 where there is none. */
  get touched(): number {
    return this.#row.touched
  }

  /** Under which the bytes are, or will be; '' where the session has none to answer for. */
  get storageKey(): string {
    return this.#row.storage_key
  }

  /** The id of the blob store's upload in parts, once there is one. */
  get partsId(): string | null {
    return this.#row.parts_id
  }

  /** What the closing PUT named. */
  get digest(): Digest | null {
    return this.#row.digest
  }

  /** When the closing PUT first had all bytes, in milliseconds since the epoch; 0 where none had. */
  get finishingSince(): number {
    return this.#row.finishing ?? 0
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

  /** What an upload before the present one was committed under; null where there was no such upload. */
  earlier(upload: string): Digest | null {
    const [row] = this.#storage.sql.exec<{ digest: Digest }>(SQL.earlier, upload).toArray()
    return row?.digest ?? null
  }

  /** Makes `upload` the present one; `free` is to be asked first. It is durable when it is opened, claimed or ended, which must follow at once. */
  begin(upload: string): void {
    this.#row = { ...NONE, id: upload }
  }

  open(storageKey: string): void {
    this.#insert({ phase: 'open', storage_key: storageKey })
  }

  claimWhole(digest: Digest): void {
    this.#insert({ phase: 'whole', digest })
  }

  /** Somebody goes on with the upload, whose life is a day: to know the minute is enough, and spares a write. */
  touch(): void {
    const touched = Date.now()
    if (touched - this.touched < TOUCH_MS) return
    this.#change({ touched }, [SQL.touch, touched])
  }

  setPartsId(id: string): void {
    this.#change({ parts_id: id }, [SQL.setPartsId, id])
  }

  finishing(digest: Digest): void {
    const finishing = this.#row.finishing ?? Date.now()
    this.#change({ phase: 'finishing', digest, finishing }, [SQL.finishing, digest, finishing])
  }

  /** Keeps only the digest: a repeated closing PUT is answered with it. */
  done(digest: Digest): void {
    const known = { phase: 'done', digest, ...NO_BYTES } as const
    this.#change(known, [SQL.done, digest], ...this.#clear())
  }

  /** Takes no more bytes. The storage key, the parts' id and the digest stay until what they name is discarded. */
  end(): void {
    if (this.phase === 'fresh') {
      this.#insert({ phase: 'ended' })
    } else {
      const touched = Date.now()
      this.#change({ phase: 'ended', touched }, [SQL.end, touched])
    }
  }

  /** Nothing is left of the session's bytes. */
  discarded(): void {
    this.#change(NO_BYTES, [SQL.discarded], ...this.#clear())
  }

  /** A part is in the blob store: the tail is its beginning, so it goes with the same transaction. */
  addPart({ number, etag }: Part): void {
    const known = { parts: Math.max(this.partCount, number), tail: 0 }
    this.#change(known, [SQL.addPart, number, etag], ...this.#clearTail())
  }

  parts(): Part[] {
    return this.#storage.sql.exec<{ number: number; etag: string }>(SQL.parts).toArray()
  }

  appendTail(bytes: Uint8Array): void {
    const rows: Change[] = []
    for (let from = 0; from < bytes.length; from += TAIL_ROW_BYTES) {
      rows.push([SQL.addTail, this.tailLength + from, bytes.slice(from, from + TAIL_ROW_BYTES)])
    }
    this.#change({ tail: this.tailLength + bytes.length }, ...rows)
  }

  /** Copies the tail to the beginning of `target`. */
  readTail(target: Uint8Array): void {
    let start = 0
    for (const { bytes } of this.#storage.sql.exec<{ bytes: ArrayBuffer }>(SQL.tail)) {
      target.set(new Uint8Array(bytes), start)
      start += bytes.byteLength
    }
  }

  /** The first that is stored of the present upload: it takes the place of the one before. */
  #insert({
    phase,
    storage_key = '',
    digest = null,
  }: Pick<UploadRow, 'phase'> & Partial<UploadRow>) {
    const touched = Date.now()
    const { id } = this.#row
    this.#change(
      { phase, touched, storage_key, digest },
      [SQL.rememberEarlier],
      [SQL.begin, id, phase, touched, storage_key, digest],
    )
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
