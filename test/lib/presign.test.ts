/** Presigned URLs, against the example of the Amazon S3 API Reference. */
import { describe, expect, it } from 'vitest'
import { presignGet } from '../../src/lib/presign.ts'

// "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)", its example and its credentials.
const CREDENTIALS = {
  keyId: 'AKIAIOSFODNN7EXAMPLE',
  secret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
}
const OPTIONS = {
  region: 'us-east-1',
  expiresSeconds: 86_400,
  now: new Date('2013-05-24T00:00:00Z'),
}

/** The order of the parameters has no meaning. */
function sorted(text: string): string {
  const url = new URL(text)
  url.searchParams.sort()
  return url.href
}

describe('a presigned URL', () => {
  it("is that of the documentation's example", async () => {
    const url = new URL('https://examplebucket.s3.amazonaws.com/test.txt')
    const example =
      'https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256' +
      '&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request' +
      '&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host' +
      '&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404'
    expect(sorted(await presignGet(url, CREDENTIALS, OPTIONS))).toBe(sorted(example))
  })

  it('is signed with everything encoded but the unreserved characters', async () => {
    const url = new URL('https://examplebucket.s3.amazonaws.com/test.txt')
    const signed = await presignGet(url, { ...CREDENTIALS, keyId: "a!'()*~b" }, OPTIONS)
    const { searchParams } = new URL(signed)
    expect(searchParams.get('X-Amz-Credential')).toMatch(/^a!'\(\)\*~b\/20130524\//)
    expect(searchParams.get('X-Amz-Signature')).toBe(
      '9be3a63043bb0837aca15e3ddc669d446b36963dc2be471ad441ada79f199d9b',
    )
  })

  it('depends on the key, the time, the port and all the rest', async () => {
    const url = new URL('https://account.r2.cloudflarestorage.com/bucket/blobs/1')
    const variants = [
      presignGet(url, CREDENTIALS, OPTIONS),
      presignGet(
        new URL('https://account.r2.cloudflarestorage.com/bucket/blobs/2'),
        CREDENTIALS,
        OPTIONS,
      ),
      presignGet(
        new URL('https://account.r2.cloudflarestorage.com:8443/bucket/blobs/1'),
        CREDENTIALS,
        OPTIONS,
      ),
      presignGet(url, { ...CREDENTIALS, secret: 'other' }, OPTIONS),
      presignGet(url, { ...CREDENTIALS, keyId: 'other' }, OPTIONS),
      presignGet(url, CREDENTIALS, { ...OPTIONS, region: 'auto' }),
      presignGet(url, CREDENTIALS, { ...OPTIONS, expiresSeconds: 300 }),
      presignGet(url, CREDENTIALS, { ...OPTIONS, now: new Date('2013-05-24T00:00:01.999Z') }),
    ]
    const signatures = (await Promise.all(variants)).map((signed) =>
      new URL(signed).searchParams.get('X-Amz-Signature'),
    )
    expect(new Set(signatures).size).toBe(variants.length)
  })
})
