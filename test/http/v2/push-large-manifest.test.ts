/** Manifests of more than 64 KiB lie in the bucket: their bytes and their row are written as one, or the bytes are buried. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Env } from '../../../src/http/middleware/context.ts'
import { MEDIA_TYPE_OCI_MANIFEST } from '../../../src/oci/media-types.ts'
import {
  bindings,
  errorCodes,
  imageManifest,
  pushBlob,
  randomBytes,
  send,
} from '../../support/registry.ts'

const PATH = '/v2/push/large/manifests/latest'
const LOST = new Error('Network connection lost.')

let body: Uint8Array<ArrayBuffer>
/** The keys that were written, each as often as it was. */
let written: string[]

beforeEach(async () => {
  vi.spyOn(console, 'error').mockImplementation(() => undefined)
  await env.DB.prepare('DELETE FROM tombstones').run()
  written = []
  const config = await pushBlob('push/large', randomBytes(10))
  body = imageManifest(config, [], { annotations: { padding: 'x'.repeat(70_000) } })
})

afterEach(() => {
  vi.restoreAllMocks()
})

function put(environment: Env): Promise<Response> {
  const headers = { 'Content-Type': MEDIA_TYPE_OCI_MANIFEST }
  return send('PUT', PATH, { body, headers }, environment)
}

/** The bucket, where something happens after the n-th object (from 1) was written. */
function bucket(afterPut: (n: number, key: string) => Promise<unknown>): R2Bucket {
  return new Proxy(env.BUCKET, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return async (...args: unknown[]) => {
        const result: unknown = await Reflect.apply(member, target, args)
        if (name !== 'put') return result
        written.push(String(args[0]))
        await afterPut(written.length, String(args[0]))
        return result
      }
    },
  })
}

async function tombstones(): Promise<string[]> {
  const { results } = await env.DB.prepare('SELECT storage_key FROM tombstones').all<{
    storage_key: string
  }>()
  return results.map((row) => row.storage_key)
}

async function expectTryAgain(response: Response): Promise<void> {
  expect(response.status).toBe(503)
  expect(response.headers.get('Retry-After')).toBe('1')
  expect(await errorCodes(response)).toEqual(['UNAVAILABLE'])
  expect((await send('HEAD', PATH)).status).toBe(404)
}

async function expectStoredAgain(): Promise<void> {
  expect((await put(bindings)).status).toBe(201)
  expect(new Uint8Array(await (await send('GET', PATH)).arrayBuffer())).toEqual(body)
  expect((await send('DELETE', PATH)).status).toBe(202)
}

describe('a manifest of more than 64 KiB', () => {
  it('is written again under its key if the bucket does not answer', async () => {
    const BUCKET = bucket((n) => (n === 1 ? Promise.reject(LOST) : Promise.resolve()))
    expect((await put({ ...bindings, BUCKET })).status).toBe(201)
    expect(written).toHaveLength(2)
    expect(new Set(written).size).toBe(1)
    expect(await tombstones()).toEqual([])
    await expectStoredAgain()
  })

  it('is buried if the bucket never answers', async () => {
    const BUCKET = bucket(() => Promise.reject(LOST))
    await expectTryAgain(await put({ ...bindings, BUCKET }))
    expect(written).toHaveLength(3)
    expect(await tombstones()).toEqual(written.slice(0, 1))
    await expectStoredAgain()
  })

  it('is buried if its row cannot be written', async () => {
    const DB = new Proxy(env.DB, {
      get(target, name) {
        if (name === 'batch') return () => Promise.reject(LOST)
        const member: unknown = Reflect.get(target, name)
        return typeof member === 'function' ? member.bind(target) : member
      },
    })
    const BUCKET = bucket(() => Promise.resolve())
    await expectTryAgain(await put({ ...bindings, DB, BUCKET }))
    expect(await tombstones()).toEqual(written)
    await expectStoredAgain()
  })

  it('must be pushed again if its bytes were buried meanwhile', async () => {
    const BUCKET = bucket((_, key) =>
      env.DB.prepare('INSERT INTO tombstones (storage_key, delete_after) VALUES (?1, 0)')
        .bind(key)
        .run(),
    )
    await expectTryAgain(await put({ ...bindings, BUCKET }))
    await expectStoredAgain()
  })
})

describe('the event of a manifest with very many references', () => {
  const digest = `sha256:${'a'.repeat(64)}`
  const mediaType = 'application/vnd.oci.image.layer.nondistributable.v1.tar'

  it.each([
    [1000, undefined],
    [2001, true],
  ])('lists %d references, or says that they are left out', async (count, truncated) => {
    const config = await pushBlob('push/large', randomBytes(10))
    const layers = Array.from({ length: count }, () => ({ mediaType, digest, size: 1 }))
    body = imageManifest(config, [], { layers })
    expect((await put(bindings)).status).toBe(201)
    const row = await env.DB.prepare('SELECT event FROM events ORDER BY seq DESC LIMIT 1').first<{
      event: string
    }>()
    const { target } = JSON.parse(row?.event ?? '')
    expect(target.truncated).toBe(truncated)
    expect(target.references?.length).toBe(truncated ? undefined : count + 1)
  })

  it('would be too large with 2,000 of the shortest references', () => {
    const shortest = { mediaType: '', digest, size: 1 }
    expect(JSON.stringify(Array(2000).fill(shortest)).length).toBeGreaterThan(200_000)
  })
})
