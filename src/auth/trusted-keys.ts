/** Finds the key of an external token service that a token's header asks for, among those that the operator configured. */
import type { KeyObject } from 'node:crypto'
import {
  type CryptoKey,
  calculateJwkThumbprint,
  createLocalJWKSet,
  exportJWK,
  importSPKI,
  type JWK,
  type JWTHeaderParameters,
} from 'jose'
import { fetchJson } from '../lib/outgoing-request.ts'
import { verifiedLeaf } from './certificate-chain.ts'
import { algorithmFor, type TrustedKeys } from './key-bundle.ts'
import { libtrustKeyId } from './libtrust.ts'
import { RemoteKeys } from './remote-keys.ts'

/**
 * By the chain of certificates in the header, else by the key's id. A header's own key (`jwk`) is only read for its id, which
 * is all that libtrust puts there, and its addresses (`jku`, `x5u`) are not read at all.
 * @throws where no trusted key is meant
 */
export async function trustedKey(
  keys: TrustedKeys,
  header: JWTHeaderParameters,
  allowLoopback: boolean,
): Promise<CryptoKey> {
  if (header.x5c !== undefined) {
    const { publicKey } = verifiedLeaf(header.x5c, keys.certificates)
    return importSPKI(publicKey.export({ type: 'spki', format: 'pem' }).toString(), header.alg)
  }
  const kid: unknown = header.kid ?? header.jwk?.kid
  if (typeof kid !== 'string' || kid === '') throw new Error('it names no key')
  const named = { alg: header.alg, kid }
  const local = await localKeys(keys)
  if (local.kids.has(kid)) return local.keyOf(named)
  if (keys.keySetUrl === null) throw new Error('signed with a key that is not trusted')
  return remoteKeys(keys.keySetUrl, allowLoopback).keyOf(named)
}

interface LocalKeys {
  kids: ReadonlySet<string>
  keyOf: ReturnType<typeof createLocalJWKSet>
}

const locals = new WeakMap<TrustedKeys, LocalKeys>()

async function localKeys(keys: TrustedKeys): Promise<LocalKeys> {
  const known = locals.get(keys)
  if (known !== undefined) return known
  const named = await Promise.all(keys.publicKeys.map(withIds))
  const all = [...distinct(named.flat()), ...(keys.keySet?.keys ?? [])]
  const kids = new Set(all.flatMap(({ kid }) => kid ?? []))
  const local = { kids, keyOf: createLocalJWKSet({ keys: all }) }
  locals.set(keys, local)
  return local
}

/** Under the id that docker/distribution 2 gives a key, libtrust's, and the one of version 3, RFC 7638. */
async function withIds(key: KeyObject): Promise<JWK[]> {
  const spki = Uint8Array.from(key.export({ type: 'spki', format: 'der' }))
  const pem = key.export({ type: 'spki', format: 'pem' }).toString()
  // Not the KeyObject's own JWK, which workerd cannot make of RSA keys.
  const jwk = await exportJWK(await importSPKI(pem, algorithmFor(key) ?? '', { extractable: true }))
  const kids = [await libtrustKeyId(spki.buffer), await calculateJwkThumbprint(jwk)]
  return kids.map((kid) => ({ ...jwk, kid }))
}

/** A certificate that was renewed with its key gives the same key again. */
function distinct(keys: readonly JWK[]): JWK[] {
  return [...new Map(keys.map((key) => [key.kid, key])).values()]
}

const remotes = new Map<string, RemoteKeys>()

function remoteKeys(url: string, allowLoopback: boolean): RemoteKeys {
  const known = remotes.get(url)
  if (known !== undefined) return known
  const keys = new RemoteKeys(() => fetchJson(url, { allowLoopback }))
  remotes.set(url, keys)
  return keys
}
