/** Keys that the registry creates on first use and keeps in D1, so that the operator has nothing to set up. */
import type { Database } from '../database/database.ts'
import { sql, statements } from '../database/statement.ts'
import { rememberRegistryId } from '../registry/registry.ts'

const SQL = statements('signing-keys', {
  // The caller will need the registry's id, too.
  find: sql<[name: string], { id: string; key: string | null }>(`
    SELECT registry.id, signing_keys.key FROM registry
    LEFT JOIN signing_keys ON signing_keys.name = ?1 WHERE registry.one = 1`),
  create: sql<[name: string, key: string, now: number], { key: string }>(`
    INSERT INTO signing_keys (name, key, created_at) VALUES (?1, ?2, ?3)
    ON CONFLICT (name) DO UPDATE SET name = excluded.name
    RETURNING key`),
})

/** The HMAC-SHA256 key of this name. Every Worker that shares the database has the same one. */
export async function signingKey(db: Database, name: string): Promise<CryptoKey> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const bytes = await readKey(db, name)
  return crypto.subtle.importKey('raw', bytes, algorithm, false, ['sign', 'verify'])
}

/** The AES-256-GCM key of this name. */
export async function sealingKey(db: Database, name: string): Promise<CryptoKey> {
  const bytes = await readKey(db, name)
  return crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt'])
}

async function readKey(db: Database, name: string): Promise<Uint8Array<ArrayBuffer>> {
  const found = await SQL.find(db, name).first()
  if (found !== null) rememberRegistryId(db, found.id)
  const key = found?.key ?? (await createKey(db, name))
  return Uint8Array.fromBase64(key)
}

async function createKey(db: Database, name: string): Promise<string> {
  const fresh = crypto.getRandomValues(new Uint8Array(32)).toBase64()
  const row = await SQL.create(db, name, fresh, Date.now()).first()
  if (row === null) throw new Error(`the signing key ${name} could not be stored`)
  return row.key
}
