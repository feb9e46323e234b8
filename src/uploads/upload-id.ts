/**
 * Upload ids. They are signed, and bound to a repository and a subject, so that a forged or foreign id is refused without calling a
 * Durable Object. POST returns a *fresh* id, PATCH a *begun* one. Both name the same upload and expire together.
 *
 * An id is base64url of: version (1 byte), kind (1), algorithm (1), expiry (4, seconds since the epoch), name (16, a UUID) and
 * the first 16 bytes of the HMAC-SHA256 over all of these with the owner.
 */
import type { Algorithm } from '../oci/digest.ts'

/** The time limit of an upload, from its POST to its closing PUT. */
export const UPLOAD_TTL_SECONDS = 7 * 24 * 60 * 60

const VERSION = 2
const KINDS = ['fresh', 'begun'] as const
const ALGORITHMS: readonly Algorithm[] = ['sha256', 'sha512']
const NAME_AT = 7
const CLAIM_BYTES = NAME_AT + 16
const MAC_BYTES = 16
const ID_PATTERN = /^[A-Za-z0-9_-]{52}$/

export interface UploadOwner {
  repository: string
  /** Who started the upload; '' for anonymous. */
  subject: string
}

export interface Upload {
  /** A UUID: the upload's name in headers and logs, and the name of its Durable Object. */
  name: string
  /** Fresh: the client may not have sent a byte yet. Begun: a session took a chunk. */
  kind: (typeof KINDS)[number]
  /** The digest's algorithm; the POST may name it. */
  algorithm: Algorithm
  /** Seconds since the epoch. */
  expires: number
}

export function newUpload(algorithm: Algorithm): Upload {
  const expires = Math.floor(Date.now() / 1000) + UPLOAD_TTL_SECONDS
  return { name: crypto.randomUUID(), kind: 'fresh', algorithm, expires }
}

export async function formatUploadId(
  key: CryptoKey,
  owner: UploadOwner,
  upload: Upload,
): Promise<string> {
  const claim = new Uint8Array(CLAIM_BYTES)
  claim[0] = VERSION
  claim[1] = KINDS.indexOf(upload.kind)
  claim[2] = ALGORITHMS.indexOf(upload.algorithm)
  new DataView(claim.buffer).setUint32(3, upload.expires)
  claim.subarray(NAME_AT).setFromHex(upload.name.replaceAll('-', ''))
  const id = new Uint8Array(CLAIM_BYTES + MAC_BYTES)
  id.set(claim)
  id.set(await sign(key, claim, owner), CLAIM_BYTES)
  return id.toBase64({ alphabet: 'base64url', omitPadding: true })
}

/** The upload that `id` names; null if the id belongs to another owner, is invalid or has expired. */
export async function verifyUploadId(
  key: CryptoKey,
  owner: UploadOwner,
  id: string,
): Promise<Upload | null> {
  if (!ID_PATTERN.test(id)) return null
  const bytes = Uint8Array.fromBase64(id, { alphabet: 'base64url' })
  const claim = bytes.slice(0, CLAIM_BYTES)
  const mac = await sign(key, claim, owner)
  if (!crypto.subtle.timingSafeEqual(mac, bytes.subarray(CLAIM_BYTES))) return null
  const kind = KINDS[claim[1] ?? KINDS.length]
  const algorithm = ALGORITHMS[claim[2] ?? ALGORITHMS.length]
  const expires = new DataView(claim.buffer).getUint32(3)
  const isCurrent = claim[0] === VERSION && expires * 1000 > Date.now()
  if (!isCurrent || kind === undefined || algorithm === undefined) return null
  return { name: formatUuid(claim.subarray(NAME_AT)), kind, algorithm, expires }
}

function formatUuid(bytes: Uint8Array): string {
  return bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** The lengths precede the texts, so that no two owners give the same message. */
async function sign(
  key: CryptoKey,
  claim: Uint8Array,
  { repository, subject }: UploadOwner,
): Promise<Uint8Array> {
  const texts = [repository, subject].map((text) => new TextEncoder().encode(text))
  const lengths = new Uint8Array(new Uint32Array(texts.map(({ length }) => length)).buffer)
  const parts = [claim, lengths, ...texts]
  const message = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let end = 0
  for (const part of parts) {
    message.set(part, end)
    end += part.length
  }
  return new Uint8Array(await crypto.subtle.sign('HMAC', key, message), 0, MAC_BYTES)
}
