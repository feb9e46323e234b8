import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { R2BlobStore } from '../../../src/store/bytes/r2-blob-store.ts'
import { driverCases } from '../../../src/store/bytes/suite/index.ts'
import { downBucket, smallPartsBucket } from './r2-stand-ins.ts'

const driver = {
  store: new R2BlobStore(env.BUCKET),
  smallParts: new R2BlobStore(smallPartsBucket(env.BUCKET)),
  unreachable: new R2BlobStore(downBucket(env.BUCKET)),
}

describe('the driver for R2', () => {
  it.each(driverCases)('$title', ({ run }) => run(driver))

  it('was tried with 60 cases or more, each with a title of its own', () => {
    const titles = new Set(driverCases.map(({ title }) => title))
    expect(titles.size).toBe(driverCases.length)
    expect(titles.size).toBeGreaterThanOrEqual(60)
  })
})
