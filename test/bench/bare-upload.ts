/** A bare multipart upload to S3 by aws4fetch: what Berth does with the bytes of a push, and nothing else. Runs in Node and in a Worker. */
import { AwsClient } from 'aws4fetch'

/** As Berth has them. */
export const PART_BYTES = 5 * 1024 * 1024
const IN_FLIGHT = 3

export interface S3Vars {
  S3_ENDPOINT: string
  S3_BUCKET: string
  S3_REGION: string
  S3_ACCESS_KEY_ID: string
  S3_SECRET_ACCESS_KEY: string
}

type Bytes = Uint8Array<ArrayBuffer>

/** Uploads the parts as they come, three at a time. */
export async function bareUpload(
  vars: S3Vars,
  key: string,
  parts: AsyncIterable<Bytes> | Iterable<Bytes>,
): Promise<void> {
  const client = new AwsClient({
    accessKeyId: vars.S3_ACCESS_KEY_ID,
    secretAccessKey: vars.S3_SECRET_ACCESS_KEY,
    region: vars.S3_REGION,
    service: 's3',
    retries: 0,
  })
  const url = `${vars.S3_ENDPOINT}/${vars.S3_BUCKET}/bare/${key}`
  const send = async (query: string, method: string, body?: Bytes | string) => {
    const init = body === undefined ? { method } : { method, body }
    const response = await client.fetch(`${url}?${query}`, init)
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${query}: ${response.status} ${text}`)
    return { text, etag: response.headers.get('etag') ?? '' }
  }
  const { text } = await send('uploads', 'POST')
  const [, id = ''] = /<UploadId>(.*?)</.exec(text) ?? []
  const written: Promise<{ etag: string }>[] = []
  for await (const part of parts) {
    written.push(send(`partNumber=${written.length + 1}&uploadId=${id}`, 'PUT', part))
    await written[written.length - IN_FLIGHT]
  }
  const named = (await Promise.all(written)).map(
    ({ etag }, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${etag}</ETag></Part>`,
  )
  const list = `<CompleteMultipartUpload>${named.join('')}</CompleteMultipartUpload>`
  await send(`uploadId=${id}`, 'POST', list)
}
