/**
 * Cursors of the feed of events. A cursor is a position among the events of all repositories, including hidden ones. It is encrypted, so
 * that two cursors do not reveal how many events lie between them, or whether there are any.
 */
import { RegistryError } from '../../oci/errors.ts'
import { sealingKey } from '../../store/access/signing-keys.ts'
import type { Database } from '../../store/database/database.ts'
import { Memory } from '../../store/database/memory.ts'

const IV_BYTES = 12
const PLACE_BYTES = 8

/** The key never changes, so each isolate reads it once. */
const keys = new Memory<CryptoKey>(Number.POSITIVE_INFINITY)

function cursorKey(db: Database): Promise<CryptoKey> {
  return keys.of(db, () => sealingKey(db, 'event cursors'))
}

/** `place` is the seq of the last event that was read; 0 before the first. */
export async function sealCursor(db: Database, place: number): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES))
  const plain = new DataView(new ArrayBuffer(PLACE_BYTES))
  plain.setBigUint64(0, BigInt(place))
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, await cursorKey(db), plain)
  return new Uint8Array([...iv, ...new Uint8Array(sealed)]).toBase64({
    alphabet: 'base64url',
    omitPadding: true,
  })
}

/** @throws {RegistryError} REQUEST_INVALID if the text is not a cursor of this registry */
export async function openCursor(db: Database, cursor: string): Promise<number> {
  const key = await cursorKey(db)
  try {
    const bytes = Uint8Array.fromBase64(cursor, { alphabet: 'base64url' })
    const iv = bytes.subarray(0, IV_BYTES)
    const sealed = bytes.subarray(IV_BYTES)
    const plain = await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, key, sealed)
    return Number(new DataView(plain).getBigUint64(0))
  } catch {
    throw new RegistryError('REQUEST_INVALID', {
      message: 'since: use `next` of an earlier page, or omit it to begin at the oldest event',
    })
  }
}
