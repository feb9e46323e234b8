/** The id of an operation that may be requested more than once: the same parts give the same id. */

/**
 * A UUID of version 8 (RFC 9562, 5.8) from the SHA-256 of the parts. Each part is preceded by its length, so that the parts cannot
 * be confused.
 */
export async function operationId(...parts: string[]): Promise<string> {
  const text = parts.map((part) => `${part.length}:${part}`).join('')
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  const bytes = new Uint8Array(hash, 0, 16)
  const view = new DataView(hash)
  view.setUint8(6, (view.getUint8(6) & 0x0f) | 0x80)
  view.setUint8(8, (view.getUint8(8) & 0x3f) | 0x80)
  const hex = bytes.toHex()
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-')
}
