/**
 * Upload ids: random, bound to a repository and a subject, and signed, so that one that the registry did not give out for
 * just these is told from a real one without asking a Durable Object, and the POST that gives it out need not make one.
 * An id is base64url of: the name of its session's object (12 bytes), expiry (4 bytes, seconds since the epoch), algorithm
 * (1 byte), 4 random bytes, and 15 bytes of the HMAC-SHA256 over these with the repository and the subject.
 */
import type { Algorithm } from '../oci/digest.ts'
import { newSessionName, SESSION_NAME_CHARACTERS } from './session-name.ts'

/** Longer than a session lives after its last request, and longer than any upload that makes progress. */
export const ID_TTL_SECONDS = 7 * 24 * 60 * 60

const NAME_BYTES = 12
const CLAIM_BYTES = NAME_BYTES + 9
const SIGNATURE_BYTES = 15
const ID_PATTERN = /^[A-Za-z0-9_-]{48}$/

export interface UploadOwner {
  repository: string
  /** Who started the upload; '' for anonymous. */
  subject: string
}

/** An id for a session in the object `name`, or in a new one. */
export async function newUploadId(
  key: CryptoKey,
  owner: UploadOwner,
  algorithm: Algorithm,
  name = newSessionName(),
): Promise<string> {
  const claim = crypto.getRandomValues(new Uint8Array(CLAIM_BYTES))
  claim.setFromBase64(name, { alphabet: 'base64url' })
  const view = new DataView(claim.buffer)
  view.setUint32(NAME_BYTES, Math.floor(Date.now() / 1000) + ID_TTL_SECONDS)
  view.setUint8(NAME_BYTES + 4, algorithm === 'sha512' ? 1 : 0)
  const id = new Uint8Array(CLAIM_BYTES + SIGNATURE_BYTES)
  id.set(claim)
  id.set(await sign(key, claim, owner), CLAIM_BYTES)
  return id.toBase64({ alphabet: 'base64url' })
}

/** The algorithm that the upload's digest will have, as far as its POST told; null where the id is not this owner's. */
export async function verifyUploadId(
  key: CryptoKey,
  owner: UploadOwner,
  id: string,
): Promise<Algorithm | null> {
  if (!ID_PATTERN.test(id)) return null
  const bytes = Uint8Array.fromBase64(id, { alphabet: 'base64url' })
  const claim = bytes.slice(0, CLAIM_BYTES)
  const expected = await sign(key, claim, owner)
  if (!crypto.subtle.timingSafeEqual(expected, bytes.subarray(CLAIM_BYTES))) return null
  const view = new DataView(claim.buffer)
  if (view.getUint32(NAME_BYTES) * 1000 < Date.now()) return null
  return view.getUint8(NAME_BYTES + 4) === 1 ? 'sha512' : 'sha256'
}

/** The name of the Durable Object that has the upload's session. */
export function sessionNameOf(id: string): string {
  return id.slice(0, SESSION_NAME_CHARACTERS)
}

async function sign(
  key: CryptoKey,
  claim: Uint8Array,
  { repository, subject }: UploadOwner,
): Promise<Uint8Array> {
  // A repository name has no NUL, so the three cannot run into each other.
  const text = new TextEncoder().encode(`${repository}\0${subject}\0`)
  const message = new Uint8Array(text.length + claim.length)
  message.set(text)
  message.set(claim, text.length)
  const signature = await crypto.subtle.sign('HMAC', key, message)
  return new Uint8Array(signature, 0, SIGNATURE_BYTES)
}
