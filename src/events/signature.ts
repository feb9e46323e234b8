/**
 * Signatures by which a receiver knows that a delivery is the registry's: Standard Webhooks 1.0.0, with its symmetric scheme v1.
 * While a secret is being replaced both sign, so that the receiver can take the new one at any time in between.
 */

const PREFIX = 'whsec_'

/** Bytes; the specification's bounds are 24 and 64. */
const SECRET_BYTES = 32

/** For so long the secret before the current one signs too, where a rotation does not say otherwise. */
export const ROTATION_OVERLAP_MS = 24 * 60 * 60_000

export interface Secrets {
  current: string
  /** The one before, which signs until then (milliseconds since 1970). */
  previous: { secret: string; until: number } | null
}

export function generateSecret(): string {
  return PREFIX + crypto.getRandomValues(new Uint8Array(SECRET_BYTES)).toBase64()
}

/** Whether this is `whsec_` and the base64 of 24 to 64 bytes. */
export function isSecret(text: string): boolean {
  return keyOf(text) !== null
}

/** `next` becomes the current secret, and the one that it replaces stays valid for a while. An older one ends at once. */
export function rotateSecret(
  { current }: Secrets,
  next: string,
  now: number,
  overlapMs = ROTATION_OVERLAP_MS,
): Secrets {
  return { current: next, previous: { secret: current, until: now + overlapMs } }
}

/** Those to sign with, the current one first. */
export function validSecrets({ current, previous }: Secrets, now: number): string[] {
  return previous === null || previous.until <= now ? [current] : [current, previous.secret]
}

/**
 * The headers of one attempt at a delivery. `id` is the same for every attempt, `now` (milliseconds since 1970) is the attempt's.
 * Without secrets there is no signature.
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
 * @throws {Error} for what is no secret (isSecret)
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
  const bytes = keyOf(secret)
  if (bytes === null) throw new Error('not a webhook secret')
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', bytes, algorithm, false, ['sign'])
  const signature = await crypto.subtle.sign('HMAC', key, content)
  return `v1,${new Uint8Array(signature).toBase64()}`
}

function keyOf(secret: string): Uint8Array<ArrayBuffer> | null {
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
