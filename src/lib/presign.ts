/**
 * Presigned URLs of the S3 API: AWS Signature Version 4 in the query string ("Authenticating Requests: Using Query Parameters",
 * Amazon S3 API Reference). Anyone with the URL can read the object until it expires.
 */

export interface Credentials {
  keyId: string
  secret: string
}

export interface PresignOptions {
  /** `auto` for R2. */
  region: string
  expiresSeconds: number
  now: Date
}

/**
 * A presigned URL for GET of `url`, which must have no query and a path that needs no encoding. Only the host is signed, so clients
 * may add a Range header.
 */
export async function presignGet(
  url: URL,
  { keyId, secret }: Credentials,
  { region, expiresSeconds, now }: PresignOptions,
): Promise<string> {
  const time = now.toISOString().replace(/[-:]|\.\d+/g, '')
  const day = time.slice(0, 8)
  const scope = [day, region, 's3', 'aws4_request']
  // Sorted by name, as the canonical query string requires.
  const query = Object.entries({
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': [keyId, ...scope].join('/'),
    'X-Amz-Date': time,
    'X-Amz-Expires': String(expiresSeconds),
    'X-Amz-SignedHeaders': 'host',
  })
    .map(([name, value]) => `${name}=${uriEncode(value)}`)
    .join('&')
  const request = `GET\n${url.pathname}\n${query}\nhost:${url.host}\n\nhost\nUNSIGNED-PAYLOAD`
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', encode(request))).toHex()

  let key = encode(`AWS4${secret}`)
  for (const part of scope) key = await hmac(key, part)
  const signature = await hmac(key, `AWS4-HMAC-SHA256\n${time}\n${scope.join('/')}\n${hash}`)
  return `${url.origin}${url.pathname}?${query}&X-Amz-Signature=${signature.toHex()}`
}

/** Encodes all but the unreserved characters of RFC 3986, 2.3: `encodeURIComponent` leaves five more. */
function uriEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

async function hmac(key: Uint8Array<ArrayBuffer>, text: string): Promise<Uint8Array<ArrayBuffer>> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const imported = await crypto.subtle.importKey('raw', key, algorithm, false, ['sign'])
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, encode(text)))
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(new TextEncoder().encode(text))
}
