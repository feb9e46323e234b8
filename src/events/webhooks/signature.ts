/**
 * Signatures of deliveries (Standard Webhooks 1.0.0, symmetric scheme v1). They prove to a receiver that the registry sent a delivery.
 * While a secret is being replaced, both secrets sign, so that the receiver can change to the new one at any time.
 */

const PREFIX = 'whsec_'

/** Bytes of a new secret. The specification allows 24 to 64. */
const SECRET_BYTES = 32

/** How long the previous secret still signs after a rotation, by default. */
export const ROTATION_OVERLAP_MS = 24 * 60 * 60_000

export interface Secrets {
  current: string
  /** The previous secret signs until `until` (milliseconds since 1970). */
  previous: { secret: string; until: number } | null
}

export function generateSecret(): string {
  return PREFIX + crypto.getRandomValues(new Uint8Array(SECRET_BYTES)).toBase64()
}

/** Whether the text is `whsec_` followed by the base64 of 24 to 64 bytes. */
export function isSecret(text: string): boolean {
  return secretBytes(text) !== null
}

/** `next` becomes the current secret. The secret that it replaces stays valid for `overlapMs`; an older one ends at once. */
export function rotateSecret(
  { current }: Secrets,
  next: string,
  now: number,
  overlapMs = ROTATION_OVERLAP_MS,
): Secrets {
  return { current: next, previous: { secret: current, until: now + overlapMs } }
}

/** The secrets that sign, the current one first. */
export function validSecrets({ current, previous }: Secrets, now: number): string[] {
  return previous === null || previous.until <= now ? [current] : [current, previous.secret]
}

/**
 * The headers of one attempt at a delivery. `id` is the same for every attempt; `now` (milliseconds since 1970) is the time of this
 * attempt. Without secrets there is no signature.
 */
export async function webhookHeaders(
  secrets: readonly string[],
  id: string,
  now: number,
  body: string,
): Promise<Record<string, string>> {
  const seconds = Math.floor(now / 1000)
  const headers = { 'webhook-id': id, 'webhook-timestamp': String(seconds) }
  if (secrets.length === 0) return headers
  return { ...headers, 'webhook-signature': await sign(secrets, id, seconds, body) }
}

/**
 * The value of `webhook-signature`: one signature for each secret.
 * @throws {Error} if a secret is not valid (isSecret)
 */
export async function sign(
  secrets: readonly string[],
  id: string,
  timestampSeconds: number,
  body: string,
): Promise<string> {
  const content = new TextEncoder().encode(`${id}.${timestampSeconds}.${body}`)
  const signatures = await Promise.all(secrets.map((secret) => signatureOf(secret, content)))
  return signatures.join(' ')
}

async function signatureOf(secret: string, content: BufferSource): Promise<string> {
  const bytes = secretBytes(secret)
  if (bytes === null) throw new Error('not a webhook secret')
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', bytes, algorithm, false, ['sign'])
  const signature = await crypto.subtle.sign('HMAC', key, content)
  return `v1,${new Uint8Array(signature).toBase64()}`
}

function secretBytes(secret: string): Uint8Array<ArrayBuffer> | null {
  if (!secret.startsWith(PREFIX)) return null
  try {
    const bytes = Uint8Array.fromBase64(secret.slice(PREFIX.length), {
      lastChunkHandling: 'strict',
    })
    return bytes.length >= 24 && bytes.length <= 64 ? bytes : null
  } catch {
    return null
  }
}
