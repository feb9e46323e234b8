/**
 * The tables of an upload session, and the statements that it has for them: one row of the present upload, its parts and the tail behind
 * them, and what the uploads before it were committed under.
 */
import type { Digest } from '../oci/digest.ts'

/**
 * `fresh`: nothing was sent yet. `whole`: the blob comes in one PUT, past the session. `open`: takes bytes. `finishing`: all
 * bytes are here, the closing PUT is at work or broke off. `done`: the blob is committed. `ended`: cancelled, abandoned, or its
 * digest was wrong.
 */
export type Phase = 'fresh' | 'whole' | 'open' | 'finishing' | 'done' | 'ended'

export const SCHEMA = `
  CREATE TABLE IF NOT EXISTS upload (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    id          TEXT    NOT NULL,
    phase       TEXT    NOT NULL,
    touched     INTEGER NOT NULL,
    storage_key TEXT    NOT NULL,
    parts_id    TEXT,
    digest      TEXT,
    finishing   INTEGER
  );
  CREATE TABLE IF NOT EXISTS earlier (
    id TEXT NOT NULL PRIMARY KEY, digest TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS parts (number INTEGER PRIMARY KEY, etag TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS tail (start INTEGER PRIMARY KEY, bytes BLOB NOT NULL);`

export const SQL = {
  load: `
    SELECT id, phase, touched, storage_key, parts_id, digest, finishing,
      coalesce((SELECT max(number) FROM parts), 0) AS parts,
      coalesce((SELECT start + length(bytes) FROM tail ORDER BY start DESC LIMIT 1), 0) AS tail
    FROM upload`,
  earlier: `SELECT digest FROM earlier WHERE id = ?`,
  rememberEarlier: `INSERT INTO earlier (id, digest) SELECT id, digest FROM upload`,
  begin: `
    REPLACE INTO upload (one, id, phase, touched, storage_key, digest) VALUES (1, ?, ?, ?, ?, ?)`,
  touch: `UPDATE upload SET touched = ?`,
  end: `UPDATE upload SET phase = 'ended', touched = ?`,
  setPartsId: `UPDATE upload SET parts_id = ?`,
  finishing: `UPDATE upload SET phase = 'finishing', digest = ?, finishing = ?`,
  done: `UPDATE upload SET phase = 'done', digest = ?, storage_key = '', parts_id = NULL`,
  discarded: `UPDATE upload SET storage_key = '', parts_id = NULL`,
  addPart: `INSERT OR REPLACE INTO parts (number, etag) VALUES (?, ?)`,
  parts: `SELECT number, etag FROM parts ORDER BY number`,
  clearParts: `DELETE FROM parts`,
  addTail: `INSERT INTO tail (start, bytes) VALUES (?, ?)`,
  tail: `SELECT bytes FROM tail ORDER BY start`,
  clearTail: `DELETE FROM tail`,
} as const

export type UploadRow = {
  /** The upload's; '' where the object has had none. */
  id: string
  phase: Phase
  touched: number
  storage_key: string
  parts_id: string | null
  digest: Digest | null
  finishing: number | null
  parts: number
  tail: number
}

/** Where the object has had no upload. */
export const NONE: UploadRow = {
  id: '',
  phase: 'fresh',
  touched: 0,
  storage_key: '',
  parts_id: null,
  digest: null,
  finishing: null,
  parts: 0,
  tail: 0,
}
