/// <reference types="node" />
/**
 * Chains of X.509 certificates in an `x5c` header (RFC 7515, 4.1.6): the next certificate certifies each one, up to a certificate
 * that the operator trusts (RFC 5280, 6.1). Chains that need more checks, such as name constraints, are refused.
 */
import { X509Certificate } from 'node:crypto'
import { readExtensions } from './certificate-extensions.ts'

/** Real chains are not longer, and each certificate costs a signature check. */
const CHAIN_MAX = 5
const CERTIFICATE_CHARACTERS = 8192

/** Object identifiers, as hex, of ECDSA and RSA with SHA-256, SHA-384 and SHA-512, and of Ed25519. Never SHA-1 or MD5. */
const SIGNATURE_ALGORITHMS = new Set([
  '2a8648ce3d040302',
  '2a8648ce3d040303',
  '2a8648ce3d040304',
  '2a864886f70d01010b',
  '2a864886f70d01010c',
  '2a864886f70d01010d',
  '2b6570',
])

/**
 * The first certificate of an `x5c` value, once its chain is proved to end at one of `anchors`, or it is itself an anchor.
 * @throws {Error} that says what is wrong with the chain
 */
export function verifiedLeaf(
  x5c: unknown,
  anchors: readonly X509Certificate[],
  now: number = Date.now(),
): X509Certificate {
  const chain = parseChain(x5c)
  const [leaf] = chain
  if (leaf === undefined) throw new Error('the chain of certificates is empty')
  for (const [index, certificate] of chain.entries()) {
    checkUsable(certificate, now)
    if (anchors.some((anchor) => anchor.raw.equals(certificate.raw))) return leaf
    const anchor = anchors.find((candidate) => certifies(candidate, certificate, index))
    if (anchor !== undefined) {
      checkUsable(anchor, now)
      return leaf
    }
    const next = chain[index + 1]
    if (next === undefined) break
    if (!certifies(next, certificate, index)) {
      throw new Error(`certificate ${index + 1} of the chain is not certified by the next`)
    }
  }
  throw new Error('the chain of certificates does not end at a trusted certificate')
}

function parseChain(x5c: unknown): X509Certificate[] {
  if (!Array.isArray(x5c) || x5c.length > CHAIN_MAX) {
    throw new Error(`x5c is not a list of at most ${CHAIN_MAX} certificates`)
  }
  return x5c.map((text: unknown) => {
    if (typeof text !== 'string' || text.length > CERTIFICATE_CHARACTERS) {
      throw new Error('x5c has an entry that is not a certificate')
    }
    return new X509Certificate(Buffer.from(Uint8Array.fromBase64(text)))
  })
}

/** Whether `issuer` is a CA, signed this certificate, and allows the `below` intermediate certificates under it. */
function certifies(issuer: X509Certificate, certificate: X509Certificate, below: number): boolean {
  // checkIssued compares names and key identifiers; `ca` also takes the key usage into account.
  if (!issuer.ca || !certificate.checkIssued(issuer)) return false
  if (readExtensions(issuer.raw).pathLength < below) return false
  const { signatureAlgorithm } = readExtensions(certificate.raw)
  return SIGNATURE_ALGORITHMS.has(signatureAlgorithm) && certificate.verify(issuer.publicKey)
}

function checkUsable(certificate: X509Certificate, now: number): void {
  const valid = now >= Date.parse(certificate.validFrom) && now <= Date.parse(certificate.validTo)
  if (!valid) throw new Error('a certificate of the chain is expired, or not valid yet')
  if (readExtensions(certificate.raw).hasUnknownCritical) {
    throw new Error('a certificate of the chain has a critical extension that is not supported')
  }
}
