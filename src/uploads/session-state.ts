/**
 * What an upload session knows, in the SQLite storage of its Durable Object: it survives eviction, deploys and crashes. The
 * committed bytes are the parts, all of PART_BYTES, and behind them the tail, which is too short for a part. Each method is
 * one synchronous transaction, so the state is whole at every moment.
 */
import type { Digest } from '../oci/digest.ts'
import type { Part } from '../store/blob-store.ts'
import { PART_BYTES } from './part-buffers.ts'

/**
 * `fresh`: nothing was sent yet. `whole`: the blob comes in one PUT, past the session. `open`: takes bytes. `finishing`: all
 * bytes are here, the closing PUT is at work or broke off. `done`: the blob is committed. `ended`: cancelled, abandoned, or its
 * digest was wrong.
 */
export type Phase = 'fresh' | 'whole' | 'open' | 'finishing' | 'done' | 'ended'

/** A row of a Durable Object's storage holds 2 MB at most. */
const TAIL_ROW_BYTES = 1024 * 1024

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS session (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    phase       TEXT    NOT NULL,
    storage_key TEXT    NOT NULL,
    parts_id    TEXT,
    digest      TEXT,
    finishing   INTEGER
  );
  CREATE TABLE IF NOT EXISTS parts (number INTEGER PRIMARY KEY, etag TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS tail (start INTEGER PRIMARY KEY, bytes BLOB NOT NULL);`

const SQL = {
  load: `
    SELECT phase, storage_key, parts_id, digest, finishing,
      coalesce((SELECT max(number) FROM parts), 0) AS parts,
      coalesce((SELECT start + length(bytes) FROM tail ORDER BY start DESC LIMIT 1), 0) AS tail
    FROM session`,
  open: `INSERT INTO session (id, phase, storage_key) VALUES (1, 'open', ?)`,
  claimWhole: `INSERT INTO session (id, phase, storage_key, digest) VALUES (1, 'whole', '', ?)`,
  end: `
    INSERT INTO session (id, phase, storage_key) VALUES (1, 'ended', '')
    ON CONFLICT (id) DO UPDATE SET phase = 'ended'`,
  setPartsId: `UPDATE session SET parts_id = ?`,
  finishing: `
    UPDATE session SET phase = 'finishing', digest = ?, finishing = coalesce(finishing, ?)`,
  done: `UPDATE session SET phase = 'done', digest = ?, storage_key = '', parts_id = NULL`,
  discarded: `UPDATE session SET storage_key = '', parts_id = NULL`,
  addPart: `INSERT OR REPLACE INTO parts (number, etag) VALUES (?, ?)`,
  parts: `SELECT number, etag FROM parts ORDER BY number`,
  clearParts: `DELETE FROM parts`,
  addTail: `INSERT INTO tail (start, bytes) VALUES (?, ?)`,
  tail: `SELECT bytes FROM tail ORDER BY start`,
  clearTail: `DELETE FROM tail`,
} as const

type SessionRow = {
  phase: Phase
  storage_key: string
  parts_id: string | null
  digest: Digest | null
  finishing: number | null
  parts: number
  tail: number
}

export class SessionState {
  readonly #storage: DurableObjectStorage
  #row: SessionRow

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
    storage.sql.exec(SCHEMA)
    this.#row = this.#load()
  }

  get phase(): Phase {
    return this.#row.phase
  }

  /** Whether bytes may come, or the closing request. */
  get live(): boolean {
    return ['fresh', 'open', 'finishing'].includes(this.#row.phase)
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

  open(storageKey: string): void {
    this.#change(() => this.#storage.sql.exec(SQL.open, storageKey))
  }

  claimWhole(digest: Digest): void {
    this.#change(() => this.#storage.sql.exec(SQL.claimWhole, digest))
  }

  setPartsId(id: string): void {
    this.#change(() => this.#storage.sql.exec(SQL.setPartsId, id))
  }

  finishing(digest: Digest): void {
    this.#change(() => this.#storage.sql.exec(SQL.finishing, digest, Date.now()))
  }

  /** Keeps only the digest: a repeated closing PUT is answered with it. */
  done(digest: Digest): void {
    this.#change(() => {
      this.#storage.sql.exec(SQL.done, digest)
      this.#storage.sql.exec(SQL.clearParts)
      this.#storage.sql.exec(SQL.clearTail)
    })
  }

  /** Takes no more bytes. The storage key, the parts' id and the digest stay until what they name is discarded. */
  end(): void {
    this.#change(() => this.#storage.sql.exec(SQL.end))
  }

  /** Nothing is left of the session's bytes. */
  discarded(): void {
    this.#change(() => {
      this.#storage.sql.exec(SQL.discarded)
      this.#storage.sql.exec(SQL.clearParts)
      this.#storage.sql.exec(SQL.clearTail)
    })
  }

  /** A part is in the blob store: the tail is its beginning, so it goes with the same transaction. */
  addPart(part: Part): void {
    this.#change(() => {
      this.#storage.sql.exec(SQL.addPart, part.number, part.etag)
      this.#storage.sql.exec(SQL.clearTail)
    })
  }

  parts(): Part[] {
    return this.#storage.sql.exec<{ number: number; etag: string }>(SQL.parts).toArray()
  }

  appendTail(bytes: Uint8Array): void {
    this.#change(() => {
      let start = this.#row.tail
      for (let from = 0; from < bytes.length; from += TAIL_ROW_BYTES) {
        const row = bytes.slice(from, from + TAIL_ROW_BYTES)
        this.#storage.sql.exec(SQL.addTail, start, row)
        start += row.length
      }
    })
  }

  /** Copies the tail to the beginning of `target`. */
  readTail(target: Uint8Array): void {
    let start = 0
    for (const { bytes } of this.#storage.sql.exec<{ bytes: ArrayBuffer }>(SQL.tail)) {
      target.set(new Uint8Array(bytes), start)
      start += bytes.byteLength
    }
  }

  #change(statements: () => void): void {
    this.#storage.transactionSync(statements)
    this.#row = this.#load()
  }

  #load(): SessionRow {
    const [row] = this.#storage.sql.exec<SessionRow>(SQL.load).toArray()
    return (
      row ?? {
        phase: 'fresh',
        storage_key: '',
        parts_id: null,
        digest: null,
        finishing: null,
        parts: 0,
        tail: 0,
      }
    )
  }
}
