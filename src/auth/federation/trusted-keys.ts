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
import { fetchJson } from '../../lib/outgoing-request.ts'
import { verifiedLeaf } from './certificate-chain.ts'
import { algorithmFor, type TrustedKeys } from './key-bundle.ts'
import { libtrustKeyId } from './libtrust.ts'
import { RemoteKeys } from './remote-keys.ts'

/**
 * Finds the key by the certificate chain in the header, otherwise by the key id. Of a header's own key (`jwk`) only the id is read,
 * where libtrust puts it. Its addresses (`jku`, `x5u`) are never read.
 * @throws where no trusted key fits
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
  if (typeof kid !== 'string' || kid === '') throw new Error('the header names no key')
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

/** The key under two ids: libtrust's, for docker/distribution 2, and RFC 7638's, for version 3. */
async function withIds(key: KeyObject): Promise<JWK[]> {
  const spki = Uint8Array.from(key.export({ type: 'spki', format: 'der' }))
  const pem = key.export({ type: 'spki', format: 'pem' }).toString()
  // Not the KeyObject's own JWK: workerd cannot export RSA keys as JWK.
  const jwk = await exportJWK(await importSPKI(pem, algorithmFor(key) ?? '', { extractable: true }))
  const kids = [await libtrustKeyId(spki.buffer), await calculateJwkThumbprint(jwk)]
  return kids.map((kid) => ({ ...jwk, kid }))
}

/** A certificate renewed with the same key gives that key twice. */
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
