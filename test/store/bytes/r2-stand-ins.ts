/** Buckets that do what the local one cannot: take parts of one byte, or be down. */

/** A bucket of which every call fails with R2's internal error. */
export function downBucket(bucket: R2Bucket): R2Bucket {
  const fail = async () => {
    throw new Error('call: We encountered an internal error. Please try again. (10001)')
  }
  const upload = { uploadPart: fail, complete: fail, abort: fail }
  return new Proxy(bucket, {
    get: (_, name) => (name === 'resumeMultipartUpload' ? () => upload : fail),
  })
}

/** A bucket that takes parts of any size, of one upload. It keeps them in memory, and puts their object into the real bucket. */
export function smallPartsBucket(bucket: R2Bucket): R2Bucket {
  const kept = new Map<number, Uint8Array>()
  const calls: Record<PropertyKey, unknown> = {
    createMultipartUpload: async () => ({ uploadId: 'small' }),
    resumeMultipartUpload: (key: string) => ({
      uploadPart: async (number: number, part: Uint8Array) => {
        kept.set(number, part.slice())
        return { etag: `etag-${number}` }
      },
      complete: (parts: readonly R2UploadedPart[]) => {
        const bytes = parts.flatMap(({ partNumber }) => [...(kept.get(partNumber) ?? [])])
        return bucket.put(key, new Uint8Array(bytes))
      },
    }),
    head: bucket.head.bind(bucket),
    get: bucket.get.bind(bucket),
  }
  return new Proxy(bucket, { get: (_, name) => calls[name] })
}
