/** The private keys that sign tokens. They are in D1, so that every Worker that shares the database signs with the same one. */
import type { Database } from '../database/database.ts'
import { sql, statements } from '../database/statement.ts'

const SQL = statements('token-keys', {
  list: sql<[], { kid: string; jwk: string; created_at: number }>(
    `SELECT kid, jwk, created_at FROM token_keys ORDER BY created_at DESC`,
  ),
  add: sql<[kid: string, jwk: string, createdAt: number, newest: number | null]>(`
    INSERT INTO token_keys (kid, jwk, created_at)
    SELECT ?1, ?2, ?3 WHERE (SELECT max(created_at) FROM token_keys) IS ?4`),
  drop: sql<[time: number]>(`
    DELETE FROM token_keys
    WHERE created_at < (SELECT max(created_at) FROM token_keys WHERE created_at <= ?1)`),
})

export interface StoredTokenKey {
  kid: string
  /** A private JWK (RFC 7517), as JSON. */
  jwk: string
  createdAt: number
}

/** All keys, the newest first. */
export async function listTokenKeys(db: Database): Promise<StoredTokenKey[]> {
  const { results } = await SQL.list(db).all()
  return results.map(({ kid, jwk, created_at }) => ({ kid, jwk, createdAt: created_at }))
}

/**
 * Adds a key if the newest one is of the time `newest` (null: if there is none). If several Workers add a key at the same time, one
 * succeeds. Returns whether it was this one.
 */
export async function addTokenKey(
  db: Database,
  { kid, jwk, createdAt }: StoredTokenKey,
  newest: number | null,
): Promise<boolean> {
  const { meta } = await SQL.add(db, kid, jwk, createdAt, newest).run()
  return meta.changes > 0
}

/** Removes each key that has a successor of `time` or earlier. */
export async function dropTokenKeys(db: Database, time: number): Promise<void> {
  await SQL.drop(db, time).run()
}
