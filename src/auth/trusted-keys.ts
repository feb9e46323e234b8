/** Finds the key that a token's header names, among the keys that the operator configured for an external token service. */
import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import {
  type CryptoKey,
  calculateJwkThumbprint,
  createLocalJWKSet,
  exportJWK,
  importSPKI,
  type JSONWebKeySet,
  type JWK,
  type JWTHeaderParameters,
} from 'jose'
import { fetchJson } from '../lib/outgoing-request.ts'
import { verifiedLeaf } from './certificate-chain.ts'
import { libtrustKeyId } from './libtrust.ts'
import { RemoteKeys } from './remote-keys.ts'

export interface TrustedKeys {
  /** Trust anchors of certificate chains. */
  certificates: readonly X509Certificate[]
  /** The keys of these certificates, and keys without a certificate. */
  publicKeys: readonly KeyObject[]
  keySet: JSONWebKeySet | null
  keySetUrl: string | null
}

const BUNDLE = 'PEM of certificates and public keys'

/**
 * Parses PEM: certificates and public keys.
 * @throws {Error} that says which block is wrong
 */
export function parseBundle(pem: string): Pick<TrustedKeys, 'certificates' | 'publicKeys'> {
  const blocks = pem.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g)
  const certificates: X509Certificate[] = []
  const publicKeys: KeyObject[] = []
  for (const [block, label] of blocks) {
    const position = publicKeys.length + 1
    try {
      if (label === 'CERTIFICATE') {
        const certificate = new X509Certificate(block)
        certificates.push(certificate)
        publicKeys.push(supported(certificate.publicKey))
      } else if (label === 'PUBLIC KEY') {
        publicKeys.push(supported(createPublicKey(block)))
      } else throw new Error('neither a certificate nor a public key')
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new Error(`rootcertbundle as ${BUNDLE}; block ${position}: ${why}`)
    }
  }
  if (publicKeys.length === 0) {
    throw new Error(`rootcertbundle as ${BUNDLE}, the text itself and not a path`)
  }
  return { certificates, publicKeys }
}

/** An algorithm to import each type of key with. The token's header says which algorithm it uses. */
const ALGORITHM_OF_CURVE: Record<string, string> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
}

function algorithmFor({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | undefined {
  if (asymmetricKeyType === 'rsa') return 'RS256'
  if (asymmetricKeyType === 'ed25519') return 'EdDSA'
  return ALGORITHM_OF_CURVE[asymmetricKeyDetails?.namedCurve ?? '']
}

function supported(key: KeyObject): KeyObject {
  if (algorithmFor(key) !== undefined) return key
  throw new Error('the key is neither RSA, P-256, P-384, P-521 nor Ed25519')
}

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
