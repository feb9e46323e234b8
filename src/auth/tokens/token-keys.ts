/**
 * The keys that sign the registry's own tokens (ES256, RFC 7518, 3.4). The first token creates the first key; keys are rotated
 * every 30 days. Each isolate caches them, so that a request with a token needs no D1 query.
 */

import {
  addTokenKey,
  dropTokenKeys,
  listTokenKeys,
  type StoredTokenKey,
} from '../../store/access/token-keys.ts'
import type { Database } from '../../store/database/database.ts'
import { Memory } from '../../store/database/memory.ts'
import { libtrustKeyId } from '../federation/libtrust.ts'

export interface TokenKey {
  /** libtrust's id of the public key. */
  kid: string
  signing: CryptoKey
  verifying: CryptoKey
  createdAt: number
  /** When the next key was created; null for the key that signs. */
  supersededAt: number | null
}

/** The longest lifetime of the registry's tokens: that of refresh tokens. */
export const TOKEN_LIFETIME_MAX_MS = 90 * 24 * 60 * 60 * 1000

const KEY_AGE_MS = 30 * 24 * 60 * 60 * 1000

/**
 * A key is accepted this much longer than the lifetime of the tokens it signed: an isolate that does not know the next key still
 * signs with it for CACHE_MS, and clocks differ.
 */
const OVERLAP_MS = 24 * 60 * 60 * 1000

/** An isolate forgets a removed key within this time, a minute. */
const CACHE_MS = 60_000

/** Unknown key ids, which strangers can invent, make an isolate query D1 at most once in this time. */
const RELOAD_MS = 10_000

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' }

interface Cached {
  /** The newest first. */
  keys: readonly TokenKey[]
  /** When the keys were last reloaded for an unknown id. */
  soughtAt: number
}

const cache = new Memory<Cached>(CACHE_MS)

/** The key that signs. The first call ever creates it. */
export async function currentKey(db: Database): Promise<TokenKey> {
  const [known] = (await cached(db)).keys
  if (known !== undefined) return known
  await create(db, Date.now(), null)
  const [made] = (await load(db)).keys
  if (made === undefined) throw new Error('the key for tokens could not be stored')
  return made
}

/**
 * The key with this id, while a token of `lifetimeMs` that it signed can still be valid; otherwise null. D1 is queried for an id
 * that this isolate does not know.
 */
export async function verificationKey(
  db: Database,
  kid: string,
  lifetimeMs: number,
): Promise<TokenKey | null> {
  const { keys } = await cached(db)
  const found = keys.find((key) => key.kid === kid) ?? (await seek(db, kid))
  const end = (found?.supersededAt ?? Number.POSITIVE_INFINITY) + lifetimeMs + OVERLAP_MS
  return found !== undefined && Date.now() < end ? found : null
}

/**
 * Creates the next key when the newest is 30 days old, or at once where `when` is 'now' or 'revoke'. Drops the keys whose tokens
 * have all expired; 'revoke' drops all older keys, which ends their tokens. Returns whether it created a key. Without a first key
 * it creates none.
 */
export async function rotateTokenKeys(
  db: Database,
  now: number,
  when: 'due' | 'now' | 'revoke' = 'due',
): Promise<boolean> {
  await dropTokenKeys(db, now - TOKEN_LIFETIME_MAX_MS - OVERLAP_MS)
  const [newest] = await listTokenKeys(db)
  const isDue = newest !== undefined && (when !== 'due' || newest.createdAt + KEY_AGE_MS <= now)
  const made = isDue && (await create(db, now, newest.createdAt))
  if (when === 'revoke') await dropTokenKeys(db, Number.MAX_SAFE_INTEGER)
  await load(db)
  return made
}

function cached(db: Database): Promise<Cached> {
  return cache.of(db, () => load(db))
}

async function load(db: Database, soughtAt = cache.get(db)?.soughtAt ?? 0): Promise<Cached> {
  const stored = await listTokenKeys(db)
  const keys = await Promise.all(
    stored.map((key, index) => importKey(key, stored[index - 1]?.createdAt ?? null)),
  )
  const loaded = { keys, soughtAt }
  cache.set(db, loaded)
  return loaded
}

async function seek(db: Database, kid: string): Promise<TokenKey | undefined> {
  const known = cache.get(db)
  const now = Date.now()
  if (known !== undefined && now - known.soughtAt < RELOAD_MS) return undefined
  if (known !== undefined) known.soughtAt = now
  const { keys } = await load(db, now)
  return keys.find((key) => key.kid === kid)
}

async function create(db: Database, now: number, newest: number | null): Promise<boolean> {
  const pair = await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  if (!('privateKey' in pair)) throw new Error('ECDSA did not make a pair of keys')
  const [jwk, spki] = await Promise.all([
    crypto.subtle.exportKey('jwk', pair.privateKey),
    crypto.subtle.exportKey('spki', pair.publicKey),
  ])
  if (!(spki instanceof ArrayBuffer)) throw new Error('the key has no SubjectPublicKeyInfo')
  const kid = await libtrustKeyId(spki)
  // Always later than the previous key: keys are ordered by this time.
  const createdAt = newest === null ? now : Math.max(now, newest + 1)
  return addTokenKey(db, { kid, jwk: JSON.stringify(jwk), createdAt }, newest)
}

async function importKey(
  { kid, jwk: json, createdAt }: StoredTokenKey,
  supersededAt: number | null,
): Promise<TokenKey> {
  const jwk: JsonWebKey = JSON.parse(json)
  const { d: _d, key_ops: _operations, ...publicJwk } = jwk
  const [signing, verifying] = await Promise.all([
    crypto.subtle.importKey('jwk', jwk, ALGORITHM, false, ['sign']),
    crypto.subtle.importKey('jwk', publicJwk, ALGORITHM, false, ['verify']),
  ])
  return { kid, signing, verifying, createdAt, supersededAt }
}
