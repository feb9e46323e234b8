import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { blobStoreOf } from '../../../src/store/bytes/choose-blob-store.ts'
import { S3BlobStore } from '../../../src/store/bytes/s3-blob-store.ts'
import { driverCases } from '../../../src/store/bytes/suite/index.ts'

const store = blobStoreOf(env)

const driver = {
  store,
  smallParts: blobStoreOf({ ...env, S3_ENDPOINT: env.STAND_IN, S3_BUCKET: 'small' }),
  // Nothing listens there.
  unreachable: blobStoreOf({ ...env, S3_ENDPOINT: 'http://127.0.0.1:9' }),
}

describe('the driver for S3', () => {
  it('is chosen by S3_ENDPOINT', () => {
    expect(store).toBeInstanceOf(S3BlobStore)
  })

  it.each(driverCases)('$title', ({ run }) => run(driver))
})
