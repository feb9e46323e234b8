/** The tables and statements of an upload session: one row for the upload, its parts, and the tail after them. */
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
  /** Milliseconds since the epoch of the first byte, and of the last request (to the minute). */
  begun_at: number
  touched_at: number
  /** The key that the bytes have or will have; '' if the session has no bytes to remove. */
  storage_key: string
  /** The id of the blob store's multipart upload, once it exists. */
  parts_id: string | null
  /** The digest of the closing PUT. */
  digest: Digest | null
  /** How many parts are committed: 1 to `parts`, without a gap. */
  parts: number
  /** The length of the tail in bytes. */
  tail: number
}

/** The state before the first byte. */
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
