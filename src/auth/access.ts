/**
 * Who may do what. One administrator with a password, or, where the operator opened the registry (as the local start does),
 * everybody. Without either, nobody: a deployed registry is never open by accident.
 */
import { RegistryError } from '../oci/errors.ts'

/** What a route needs; declared beside the route. */
export type Access = 'none' | 'any' | 'pull' | 'push' | 'delete' | 'catalog'

export interface Credentials {
  openAccess: boolean
  adminPassword: string | null
}

const ADMIN = 'admin'

/**
 * The subject of a request ('' for anonymous).
 * @throws {RegistryError} UNAUTHORIZED with a challenge; UNAVAILABLE where no credential is configured
 */
export async function authenticate(
  authorization: string | null,
  { openAccess, adminPassword }: Credentials,
): Promise<string> {
  if (openAccess) return ''
  if (adminPassword === null) {
    throw new RegistryError('UNAVAILABLE', {
      message:
        'this registry has no credentials yet: its owner sets the secret ADMIN_PASSWORD (npx wrangler secret put ADMIN_PASSWORD)',
    })
  }
  const basic = parseBasic(authorization)
  if (basic !== null && basic.user === ADMIN && (await sameSecret(basic.password, adminPassword))) {
    return ADMIN
  }
  throw new RegistryError('UNAUTHORIZED', {
    headers: { 'WWW-Authenticate': 'Basic realm="berth", charset="UTF-8"' },
  })
}

/** RFC 7617: the user's name ends at the first colon. */
function parseBasic(authorization: string | null): { user: string; password: string } | null {
  const encoded = /^basic +([A-Za-z0-9+/]+=*)$/i.exec(authorization ?? '')?.[1]
  if (encoded === undefined) return null
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      Uint8Array.fromBase64(encoded),
    )
    const colon = text.indexOf(':')
    return colon < 0 ? null : { user: text.slice(0, colon), password: text.slice(colon + 1) }
  } catch {
    return null
  }
}

/** Compares the hashes, so that neither the time nor a length tells how much was right. */
async function sameSecret(given: string, expected: string): Promise<boolean> {
  const [a, b] = await Promise.all([given, expected].map(sha256))
  return a !== undefined && b !== undefined && crypto.subtle.timingSafeEqual(a, b)
}

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
}
