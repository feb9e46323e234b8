/**
 * Makes X.509 certificates of every kind, good and bad, with WebCrypto alone (RFC 5280, 4.1), so that tests in workerd and in
 * Node have fresh ones.
 */

export interface Party {
  name: string
  keys: CryptoKeyPair
}

export interface CertificateOptions {
  /** Whose key it is. */
  subject: Party
  /** Who signs; the subject itself by default. */
  issuer?: Party
  ca?: boolean
  pathLength?: number
  /** The bits of KeyUsage: 0x80 for signatures, 0x04 for certificates. Left out by default. */
  keyUsage?: number
  /** The object identifier, as hex, of a critical extension with nothing in it. */
  critical?: string
  validFrom?: Date
  validTo?: Date
  hash?: 'SHA-256' | 'SHA-1'
}

export type KeyKind = 'P-256' | 'P-384' | 'P-521' | 'RSA' | 'Ed25519'

export async function newParty(name: string, kind: KeyKind = 'P-256'): Promise<Party> {
  const keys = await crypto.subtle.generateKey(algorithmOf(kind), true, ['sign', 'verify'])
  if (!('privateKey' in keys)) throw new Error('not a key pair')
  return { name, keys }
}

function algorithmOf(kind: KeyKind) {
  if (kind === 'Ed25519') return { name: 'Ed25519' }
  if (kind !== 'RSA') return { name: 'ECDSA', namedCurve: kind }
  const publicExponent = Uint8Array.of(1, 0, 1)
  return { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent, hash: 'SHA-256' }
}

const DAY = 24 * 60 * 60 * 1000

/** The certificate's DER. */
export async function newCertificate(options: CertificateOptions): Promise<Uint8Array> {
  const { subject, issuer = subject, hash = 'SHA-256' } = options
  const spki = new Uint8Array(await exported('spki', subject.keys.publicKey))
  const algorithm = signatureAlgorithm(issuer.keys.privateKey, hash)
  const body = sequence(
    der(0xa0, integer(2)),
    der(0x02, Uint8Array.of(1), crypto.getRandomValues(new Uint8Array(15))),
    algorithm,
    nameOf(issuer),
    sequence(
      time(options.validFrom ?? new Date(Date.now() - DAY)),
      time(options.validTo ?? new Date(Date.now() + DAY)),
    ),
    nameOf(subject),
    spki,
    der(0xa3, sequence(...extensions(options))),
  )
  const signature = await signed(issuer.keys.privateKey, hash, body)
  return sequence(body, algorithm, der(0x03, Uint8Array.of(0), signature))
}

export function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
}

export function toPem(bytes: Uint8Array, label = 'CERTIFICATE'): string {
  const lines = toBase64(bytes).match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}

export async function exported(format: 'spki' | 'pkcs8', key: CryptoKey): Promise<ArrayBuffer> {
  const bytes = await crypto.subtle.exportKey(format, key)
  if (!(bytes instanceof ArrayBuffer)) throw new Error('not bytes')
  return bytes
}

function extensions({ ca, pathLength, keyUsage, critical }: CertificateOptions): Uint8Array[] {
  const limit = pathLength === undefined ? [] : [integer(pathLength)]
  const list: Uint8Array[] = []
  if (ca) list.push(extension('551d13', sequence(der(0x01, Uint8Array.of(0xff)), ...limit)))
  if (keyUsage !== undefined) list.push(extension('551d0f', der(0x03, Uint8Array.of(0, keyUsage))))
  if (critical !== undefined) list.push(extension(critical, sequence()))
  return list.length > 0 ? list : [extension('551d25', sequence(oid('551d2500')))]
}

function extension(id: string, value: Uint8Array): Uint8Array {
  return sequence(oid(id), der(0x01, Uint8Array.of(0xff)), der(0x04, value))
}

function nameOf({ name }: Party): Uint8Array {
  return sequence(der(0x31, sequence(oid('550403'), der(0x0c, new TextEncoder().encode(name)))))
}

/** GeneralizedTime. */
function time(date: Date): Uint8Array {
  const digits = date.toISOString().replace(/[-:T]|\.\d+/g, '')
  // Before 2050 UTCTime, with two digits of the year (RFC 5280, 4.1.2.5).
  const short = date.getUTCFullYear() < 2050
  return der(short ? 0x17 : 0x18, new TextEncoder().encode(short ? digits.slice(2) : digits))
}

function signatureAlgorithm({ algorithm }: CryptoKey, hash: string): Uint8Array {
  if (algorithm.name === 'Ed25519') return sequence(oid('2b6570'))
  if (algorithm.name === 'ECDSA') {
    return sequence(oid(hash === 'SHA-1' ? '2a8648ce3d0401' : '2a8648ce3d040302'))
  }
  return sequence(oid('2a864886f70d01010b'), der(0x05))
}

async function signed(key: CryptoKey, hash: string, bytes: Uint8Array): Promise<Uint8Array> {
  const { name } = key.algorithm
  const signature = await crypto.subtle.sign({ name, hash }, key, Uint8Array.from(bytes))
  const raw = new Uint8Array(signature)
  if (name !== 'ECDSA') return raw
  const half = raw.length / 2
  return sequence(positive(raw.subarray(0, half)), positive(raw.subarray(half)))
}

/** An INTEGER from its big-endian bytes, shortest, and with a zero in front where the first bit would be its sign. */
function positive(bytes: Uint8Array): Uint8Array {
  const start = bytes.findIndex((byte) => byte !== 0)
  const shortest = bytes.subarray(Math.max(start, 0))
  const sign = (shortest[0] ?? 0) >= 0x80 ? [0] : []
  return der(0x02, Uint8Array.from(sign), shortest)
}

function integer(value: number): Uint8Array {
  return der(0x02, Uint8Array.of(value))
}

function oid(hex: string): Uint8Array {
  return der(
    0x06,
    Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)),
  )
}

function sequence(...members: Uint8Array[]): Uint8Array {
  return der(0x30, ...members)
}

function der(tag: number, ...content: Uint8Array[]): Uint8Array {
  const bytes = content.flatMap((part) => [...part])
  const { length } = bytes
  if (length < 0x80) return Uint8Array.of(tag, length, ...bytes)
  if (length < 0x100) return Uint8Array.of(tag, 0x81, length, ...bytes)
  return Uint8Array.of(tag, 0x82, length >> 8, length & 0xff, ...bytes)
}
