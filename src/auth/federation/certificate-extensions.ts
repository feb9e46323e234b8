/**
 * Reads the parts of a certificate that chain verification needs and node:crypto does not provide: the signature algorithm, the
 * allowed number of certificates below it, and critical extensions (RFC 5280, 4.1 and 4.2). node:crypto has parsed the certificate
 * before, and refuses invalid DER.
 */

export interface CertificateExtensions {
  /** The object identifier, as hex of its DER content. */
  signatureAlgorithm: string
  /** How many intermediate certificates may follow below; Infinity without a limit. */
  pathLength: number
  /** Whether there is a critical extension that is not honoured here. */
  hasUnknownCritical: boolean
}

interface Element {
  tag: number
  content: Uint8Array
}

const BOOLEAN = 0x01
const INTEGER = 0x02
const OCTET_STRING = 0x04
/** `[3]` of TBSCertificate. */
const EXTENSIONS = 0xa3

const BASIC_CONSTRAINTS = '551d13'
/** node:crypto checks the key usage. Alternative names and extended purposes say nothing about a token. */
const HONOURED = new Set([BASIC_CONSTRAINTS, '551d0f', '551d11', '551d25'])

/** @throws {Error} where the bytes are not a certificate */
export function readExtensions(certificate: Uint8Array): CertificateExtensions {
  const [body, algorithm] = childrenOf(only(certificate))
  const [identifier] = childrenOf(algorithm)
  const extensions = childrenOf(body).find(({ tag }) => tag === EXTENSIONS)
  const listed = extensions === undefined ? [] : childrenOf(only(extensions.content))
  const read = listed.map(readExtension)
  const constraints = read.find(({ id }) => id === BASIC_CONSTRAINTS)
  return {
    signatureAlgorithm: identifier?.content.toHex() ?? '',
    pathLength:
      constraints === undefined ? Number.POSITIVE_INFINITY : pathLength(constraints.value),
    hasUnknownCritical: read.some(({ id, critical }) => critical && !HONOURED.has(id)),
  }
}

/** Extension ::= SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING } */
function readExtension(extension: Element) {
  const members = childrenOf(extension)
  return {
    id: members[0]?.content.toHex() ?? '',
    critical: members.some(({ tag, content }) => tag === BOOLEAN && content[0] !== 0),
    value: members.find(({ tag }) => tag === OCTET_STRING)?.content ?? new Uint8Array(),
  }
}

/** BasicConstraints ::= SEQUENCE { cA BOOLEAN DEFAULT FALSE, pathLenConstraint INTEGER OPTIONAL } */
function pathLength(constraints: Uint8Array): number {
  const limit = childrenOf(only(constraints)).find(({ tag }) => tag === INTEGER)
  if (limit === undefined) return Number.POSITIVE_INFINITY
  return limit.content.reduce((value, byte) => value * 256 + byte, 0)
}

function only(bytes: Uint8Array): Element {
  const [element] = elementsOf(bytes)
  if (element === undefined) throw new Error('an element is missing')
  return element
}

function childrenOf(element: Element | undefined): Element[] {
  if (element === undefined) throw new Error('an element is missing')
  return elementsOf(element.content)
}

/** Tags have one byte here, and lengths at most four (X.690, 8.1). */
function elementsOf(bytes: Uint8Array): Element[] {
  const elements: Element[] = []
  let at = 0
  while (at < bytes.length) {
    const tag = bytes[at] ?? 0
    let length = bytes[at + 1] ?? 0
    at += 2
    if (length >= 0x80) {
      const lengthBytes = bytes.subarray(at, at + (length & 0x7f))
      if (lengthBytes.length > 4) throw new Error('an element is too long')
      length = lengthBytes.reduce((value, byte) => value * 256 + byte, 0)
      at += lengthBytes.length
    }
    if (at + length > bytes.length) throw new Error('an element is cut off')
    elements.push({ tag, content: bytes.subarray(at, at + length) })
    at += length
  }
  return elements
}
