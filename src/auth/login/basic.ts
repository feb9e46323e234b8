/** The credentials of the Basic scheme, RFC 7617. */

/**
 * The user and password of an `Authorization` header; null where it holds no valid Basic credentials. The first colon ends the user
 * name. Control characters are invalid in both (RFC 7617 section 2).
 */
export function parseBasic(
  authorization: string | null,
): { user: string; password: string } | null {
  const encoded = /^basic +([A-Za-z0-9+/]+=*)$/i.exec(authorization ?? '')?.[1]
  const text = encoded === undefined ? null : decode(encoded)
  if (text === null || /\p{Cc}/u.test(text)) return null
  const colon = text.indexOf(':')
  return colon < 0 ? null : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** Decodes strictly: with replacement characters, different passwords could become equal. */
function decode(encoded: string): string | null {
  try {
    const bytes = Uint8Array.fromBase64(encoded)
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}
