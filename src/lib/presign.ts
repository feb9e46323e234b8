/**
 * Presigned URLs of the S3 API: AWS Signature Version 4 in the query string ("Authenticating Requests: Using Query Parameters",
 * Amazon S3 API Reference). Anyone with the URL can read the object until it expires.
 */
import { AwsV4Signer } from 'aws4fetch'

export interface Credentials {
  keyId: string
  secret: string
}

export interface PresignOptions {
  /** `auto` for R2. Empty to take it from the host. */
  region: string
  expiresSeconds: number
  now: Date
}

/** A presigned URL for GET of `url`, which must have no query. Only the host is signed, so clients may add a Range header. */
export async function presignGet(
  url: URL,
  { keyId, secret }: Credentials,
  { region, expiresSeconds, now }: PresignOptions,
): Promise<string> {
  const unsigned = new URL(url)
  unsigned.searchParams.set('X-Amz-Expires', String(expiresSeconds))
  const signer = new AwsV4Signer({
    url: unsigned.href,
    accessKeyId: keyId,
    secretAccessKey: secret,
    region,
    service: 's3',
    datetime: now.toISOString().replace(/[-:]|\.\d+/g, ''),
    signQuery: true,
  })
  const signed = await signer.sign()
  return signed.url.href
}
