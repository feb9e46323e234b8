/// <reference types="node" />
/** The keys of an external token service, as the operator configures them. */
import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import type { JSONWebKeySet } from 'jose'

export interface TrustedKeys {
  /** Certificates that a certificate chain may end with. */
  certificates: readonly X509Certificate[]
  /** The keys of these certificates, and keys configured without a certificate. */
  publicKeys: readonly KeyObject[]
  keySet: JSONWebKeySet | null
  keySetUrl: string | null
}

const BUNDLE = 'PEM of certificates and public keys'

/**
 * Reads certificates and bare public keys from PEM.
 * @throws {Error} that names the block which is wrong
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
    throw new Error(`rootcertbundle as ${BUNDLE}: the text itself, not a path`)
  }
  return { certificates, publicKeys }
}

/** An algorithm to import each type of key with. The header of a token says which algorithm the token uses. */
const ALGORITHM_OF_CURVE: Record<string, string> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
}

export function algorithmFor({
  asymmetricKeyType,
  asymmetricKeyDetails,
}: KeyObject): string | undefined {
  if (asymmetricKeyType === 'rsa') return 'RS256'
  if (asymmetricKeyType === 'ed25519') return 'EdDSA'
  return ALGORITHM_OF_CURVE[asymmetricKeyDetails?.namedCurve ?? '']
}

function supported(key: KeyObject): KeyObject {
  if (algorithmFor(key) !== undefined) return key
  throw new Error('the key is neither RSA, P-256, P-384, P-521 nor Ed25519')
}
