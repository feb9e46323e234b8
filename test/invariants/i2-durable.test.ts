/**
 * I2: a push answered 201 is readable at once, until a request deletes it; also where the client does not wait for the answer,
 * and where deletes and pushes of the same content cross. Crashes of the process: test/node/i2-crash.test.ts.
 */
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { sweepTombstones } from '../../src/maintenance/sweep.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { PART_BYTES } from '../../src/store/bytes/buffer-pool.ts'
import { blobStoreOf } from '../../src/store/bytes/choose-blob-store.ts'
import { TOMBSTONE_GRACE_MS } from '../../src/store/bytes/tombstones.ts'
import {
  beginUpload,
  bindings,
  imageManifest,
  ORIGIN,
  pushBlob,
  pushImage,
  putManifest,
  randomBytes,
  send,
} from '../support/registry.ts'
import { ofLength } from '../support/uploads.ts'
import worker from '../support/worker.ts'

const REPOSITORY = 'i2/app'

async function read(repository: string, digest: string): Promise<string | number> {
  const response = await send('GET', `/v2/${repository}/blobs/${digest}`)
  if (response.status !== 200) return response.status
  return digestOf(new Uint8Array(await response.arrayBuffer()))
}

/** Deletes all bytes that are buried, as the sweep does when their time has come. */
async function sweep(): Promise<void> {
  await sweepTombstones(env.DB, blobStoreOf(env), Date.now() + TOMBSTONE_GRACE_MS + 1)
}

describe('a push answered 201 is readable at once', () => {
  it.each([
    ['POST with a digest', 1000],
    ['PUT after POST', 1000],
    ['PATCH and PUT', 1000],
    ['PATCH and PUT', PART_BYTES + 1],
  ])('%s, %i bytes', async (way, length) => {
    const bytes = randomBytes(length)
    const digest = await digestOf(bytes)
    if (way === 'POST with a digest') await pushBlob(REPOSITORY, bytes)
    else {
      const location = await beginUpload(REPOSITORY)
      const patched = way === 'PATCH and PUT'
      if (patched) expect((await send('PATCH', location, { body: bytes })).status).toBe(202)
      const body = patched ? {} : ofLength(bytes)
      expect((await send('PUT', `${location}?digest=${digest}`, body)).status).toBe(201)
    }
    expect(await read(REPOSITORY, digest)).toBe(digest)
    await sweep()
    expect(await read(REPOSITORY, digest)).toBe(digest)
  })

  it('the same content from many clients at once: all succeed, one object stays', async () => {
    const bytes = randomBytes(5000)
    const digest = await digestOf(bytes)
    await Promise.all(
      Array.from({ length: 8 }, async (_, client) => {
        await pushBlob(`i2/same-${client}`, bytes)
        expect(await read(`i2/same-${client}`, digest)).toBe(digest)
      }),
    )
    await sweep()
    for (let client = 0; client < 8; client++) {
      expect(await read(`i2/same-${client}`, digest)).toBe(digest)
    }
  })

  it('even if another repository deletes the same content meanwhile', async () => {
    for (let round = 0; round < 10; round++) {
      const bytes = randomBytes(500)
      const { digest } = await pushBlob('i2/old', bytes)
      await Promise.all([
        send('DELETE', `/v2/i2/old/blobs/${digest}`),
        pushBlob('i2/new', bytes),
        send('POST', `/v2/i2/mounted/blobs/uploads/?mount=${digest}&from=i2/old`),
      ])
      await sweep()
      expect(await read('i2/new', digest)).toBe(digest)
      expect([digest, 404]).toContain(await read('i2/mounted', digest))
    }
  })

  it('even if another repository deletes the same content later', async () => {
    const bytes = randomBytes(500)
    const { digest } = await pushBlob('i2/first', bytes)
    await pushBlob('i2/second', bytes)
    expect((await send('DELETE', `/v2/i2/first/blobs/${digest}`)).status).toBe(202)
    await sweep()
    expect(await read('i2/second', digest)).toBe(digest)
    expect(await read('i2/first', digest)).toBe(404)
  })

  it('even if it was deleted before and its bytes are not yet gone', async () => {
    const bytes = randomBytes(500)
    const { digest } = await pushBlob(REPOSITORY, bytes)
    await send('DELETE', `/v2/${REPOSITORY}/blobs/${digest}`)
    expect(await read(REPOSITORY, digest)).toBe(404)
    await pushBlob(REPOSITORY, bytes)
    await sweep()
    expect(await read(REPOSITORY, digest)).toBe(digest)
  })

  it('manifests, small and large', async () => {
    const config = await pushBlob(REPOSITORY, randomBytes(10))
    for (const padding of ['', 'x'.repeat(70_000)]) {
      const bytes = imageManifest(config, [], { annotations: { padding } })
      const digest = await digestOf(bytes)
      expect((await putManifest(REPOSITORY, 'latest', bytes)).status).toBe(201)
      expect((await putManifest(REPOSITORY, 'again', bytes)).status).toBe(201)
      await sweep()
      for (const reference of ['latest', 'again', digest]) {
        const response = await send('GET', `/v2/${REPOSITORY}/manifests/${reference}`)
        expect(await digestOf(new Uint8Array(await response.arrayBuffer()))).toBe(digest)
      }
    }
  })
})

describe('a client that leaves while the registry writes does not leave half of it', () => {
  /**
   * Sends a request and waits, as the runtime does when the client is gone, for nothing but what the handler gave to waitUntil.
   * The transaction takes its time, so that it is not over by chance.
   */
  async function leave(method: string, path: string, init: RequestInit) {
    const ctx = createExecutionContext()
    const request = new Request(new URL(path, ORIGIN), { ...init, method })
    const reached = Promise.withResolvers<void>()
    const DB = slowBatches(bindings.DB, () => reached.resolve())
    void worker.fetch(request, { ...bindings, DB }, ctx)
    await reached.promise
    // The handler is now between the two awaits that a cancelled one would end at.
    await scheduler.wait(1)
    return waitOnExecutionContext(ctx)
  }

  function slowBatches(db: D1Database, called: () => void): D1Database {
    return new Proxy(db, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name)
        if (typeof member !== 'function') return member
        if (name !== 'batch') return (...args: unknown[]) => Reflect.apply(member, target, args)
        return async (...args: unknown[]) => {
          called()
          await scheduler.wait(100)
          return Reflect.apply(member, target, args)
        }
      },
    })
  }

  it.each([
    ['a manifest', ''],
    ['a manifest of more than 64 KiB', 'x'.repeat(70_000)],
  ])('%s', async (_, padding) => {
    const image = await pushImage('i2/leaving', 'first', { annotations: { padding } })
    const { bytes, digest } = image
    const path = `/v2/i2/leaving/manifests/second-${padding.length}`
    const headers = { 'Content-Type': 'application/vnd.oci.image.manifest.v1+json' }
    await leave('PUT', path, { body: bytes, headers })
    const response = await send('GET', path)
    expect(response.headers.get('Docker-Content-Digest')).toBe(digest)
  })

  it('a blob', async () => {
    const bytes = randomBytes(1000)
    const digest = await digestOf(bytes)
    const path = `/v2/i2/leaving/blobs/uploads/?digest=${digest}`
    const headers = { 'Content-Length': '1000' }
    await leave('POST', path, { body: bytes, headers })
    expect(await read('i2/leaving', digest)).toBe(digest)
  })
})
