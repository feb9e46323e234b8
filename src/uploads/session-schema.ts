/** The tables of an upload session, and its statements: one row of the upload, its parts, and the tail behind them. */
import type { Digest } from '../oci/digest.ts'
import type { Phase } from './phases.ts'

export const SCHEMA = `
  CREATE TABLE upload (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    phase       TEXT    NOT NULL,
    begun_at    INTEGER NOT NULL,
    touched_at  INTEGER NOT NULL,
    storage_key TEXT    NOT NULL,
    parts_id    TEXT,
    digest      TEXT
  );
  CREATE TABLE parts (number INTEGER PRIMARY KEY, etag TEXT NOT NULL);
  CREATE TABLE tail (start INTEGER PRIMARY KEY, bytes BLOB NOT NULL);`

export const SQL = {
  hasSchema: `SELECT name FROM sqlite_schema WHERE name = 'upload'`,
  load: `
    SELECT phase, begun_at, touched_at, storage_key, parts_id, digest,
      coalesce((SELECT max(number) FROM parts), 0) AS parts,
      coalesce((SELECT start + length(bytes) FROM tail ORDER BY start DESC LIMIT 1), 0) AS tail
    FROM upload`,
  begin: `
    INSERT INTO upload (one, phase, begun_at, touched_at, storage_key) VALUES (1, ?, ?, ?, ?)`,
  touch: `UPDATE upload SET touched_at = ?`,
  setPartsId: `UPDATE upload SET parts_id = ?`,
  finish: `UPDATE upload SET phase = 'finishing', digest = ?`,
  done: `UPDATE upload SET phase = 'done', storage_key = '', parts_id = NULL`,
  end: `UPDATE upload SET phase = 'ended'`,
  discarded: `UPDATE upload SET storage_key = '', parts_id = NULL`,
  addPart: `INSERT INTO parts (number, etag) VALUES (?, ?)`,
  parts: `SELECT number, etag FROM parts ORDER BY number`,
  clearParts: `DELETE FROM parts`,
  addTail: `INSERT INTO tail (start, bytes) VALUES (?, ?)`,
  tailAt: `SELECT bytes FROM tail WHERE start = ?`,
  clearTail: `DELETE FROM tail`,
} as const

export type UploadRow = {
  phase: Phase
  /** Milliseconds since the epoch, of the first byte and of the last request (to the minute). */
  begun_at: number
  touched_at: number
  /** Under which the bytes are, or will be; '' where the session has none to answer for. */
  storage_key: string
  /** The blob store's upload in parts, once there is one. */
  parts_id: string | null
  /** What the closing PUT named. */
  digest: Digest | null
  /** How many parts are committed: 1 to `parts` without a gap. */
  parts: number
  /** Bytes of the tail. */
  tail: number
}

/** Before the first byte. */
export const NONE: UploadRow = {
  phase: 'none',
  begun_at: 0,
  touched_at: 0,
  storage_key: '',
  parts_id: null,
  digest: null,
  parts: 0,
  tail: 0,
}
