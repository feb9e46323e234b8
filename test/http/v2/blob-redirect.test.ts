/** Redirects of large blobs: who gets one, to where, and that they are the last step of a request that may have the bytes. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Env } from '../../../src/http/middleware/context.ts'
import { presignGet } from '../../../src/lib/presign.ts'
import { counted } from '../../support/counting.ts'
import {
  bindings,
  errorCodes,
  type PushedBlob,
  pushBlob,
  randomBytes,
  send,
} from '../../support/registry.ts'

const REPOSITORY = 'redirect/app'
const MIB = 1024 * 1024

/** The bucket's own domain, and the least size that may be set. */
const PUBLIC: Env = {
  ...bindings,
  BLOB_REDIRECT: 'https://blobs.example.com/files/',
  BLOB_REDIRECT_MIN_MIB: '1',
}
const SIGNED: Env = {
  ...bindings,
  BLOB_REDIRECT: 'https://account.r2.cloudflarestorage.com/berth',
  BLOB_REDIRECT_MIN_MIB: '1',
  BLOB_REDIRECT_KEY_ID: 'key id',
  BLOB_REDIRECT_SECRET: 'the secret',
}

let large: PushedBlob
let small: PushedBlob
/** Of the large one. */
let key: string

beforeAll(async () => {
  large = await pushBlob(REPOSITORY, randomBytes(MIB))
  small = await pushBlob(REPOSITORY, randomBytes(MIB - 1))
  const row = await env.DB.prepare('SELECT storage_key FROM blobs WHERE digest = ?')
    .bind(large.digest)
    .first<string>('storage_key')
  key = row ?? ''
})
afterEach(() => {
  vi.useRealTimers()
})

function get(blob: PushedBlob, environment: Env, init: RequestInit = {}, method = 'GET') {
  return send(method, `/v2/${REPOSITORY}/blobs/${blob.digest}`, init, environment)
}

describe('a large blob', () => {
  it("is at the bucket's own domain, under its storage key", async () => {
    const response = await get(large, PUBLIC)
    expect(response.status).toBe(307)
    expect(response.headers.get('Location')).toBe(`https://blobs.example.com/files/${key}`)
    expect(response.headers.get('Docker-Content-Digest')).toBe(large.digest)
    expect((await response.arrayBuffer()).byteLength).toBe(0)
  })

  it('is at a URL that is signed for five minutes', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-24T01:02:03.456Z') })
    const response = await get(large, SIGNED)
    expect(response.status).toBe(307)
    const signed = await presignGet(
      new URL(`https://account.r2.cloudflarestorage.com/berth/${key}`),
      { keyId: 'key id', secret: 'the secret' },
      { region: 'auto', expiresSeconds: 300, now: new Date() },
    )
    expect(response.headers.get('Location')).toBe(signed)
    expect(signed).toMatch(/X-Amz-Expires=300&X-Amz-Date=20261124T010203Z&/)
  })

  it.each<[string, Env]>([
    ['signed', SIGNED],
    ['public', PUBLIC],
  ])('has a redirect that must not be cached: %s', async (_, environment) => {
    expect((await get(large, environment)).headers.get('Cache-Control')).toBe('no-store')
  })

  it('is redirected for a range, too', async () => {
    const response = await get(large, PUBLIC, { headers: { Range: 'bytes=5-9' } })
    expect(response.status).toBe(307)
  })

  it('costs one query, and R2 nothing', async () => {
    const { d1, r2Reads } = await counted(() => get(large, PUBLIC))
    expect({ d1, r2Reads }).toEqual({ d1: 1, r2Reads: 0 })
  })

  it('is sent by the registry itself if no redirect is set', async () => {
    expect((await get(large, bindings)).status).toBe(200)
  })

  it('that the client already has is 304', async () => {
    const headers = { 'If-None-Match': `"${large.digest}"` }
    expect((await get(large, PUBLIC, { headers })).status).toBe(304)
  })
})

it('is 503, and says why, if a storage should sign URLs that cannot', async () => {
  const response = await get(large, { ...PUBLIC, BLOB_REDIRECT: 'storage' })
  expect(response.status).toBe(503)
  expect(await response.text()).toContain('BLOB_REDIRECT is not valid')
})

describe('a request that is not redirected', () => {
  it('is one for a blob below the limit', async () => {
    expect((await get(small, PUBLIC)).status).toBe(200)
  })

  it('is one below 16 MiB by default', async () => {
    expect((await get(large, { ...PUBLIC, BLOB_REDIRECT_MIN_MIB: '' })).status).toBe(200)
  })

  it('is one for several ranges, to which R2 would send the whole', async () => {
    const headers = { Range: 'bytes=0-4,10-14' }
    for (const environment of [PUBLIC, SIGNED]) {
      const response = await get(large, environment, { headers })
      expect(response.status).toBe(206)
      expect(response.headers.get('Content-Type')).toMatch(/^multipart\/byteranges/)
      await response.body?.cancel()
    }
  })

  it('is one for a range that does not exist', async () => {
    const response = await get(large, PUBLIC, { headers: { Range: `bytes=${MIB}-` } })
    expect(response.status).toBe(416)
    expect(response.headers.get('Content-Range')).toBe(`bytes */${MIB}`)
  })

  it('is a HEAD, with which docker and containerd ask for sizes', async () => {
    const response = await get(large, PUBLIC, {}, 'HEAD')
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Length')).toBe(String(MIB))
  })
})

describe('the address of the bytes is not revealed', () => {
  const closed: Env = { ...PUBLIC, OPEN_ACCESS: 'false', ADMIN_PASSWORD: 'a redirected one' }

  it('to a caller who may not pull', async () => {
    const response = await get(large, closed)
    expect(response.status).toBe(401)
    expect(response.headers.has('Location')).toBe(false)
  })

  it('in a repository that does not have the blob', async () => {
    const response = await send('GET', `/v2/redirect/other/blobs/${large.digest}`, {}, PUBLIC)
    expect(response.status).toBe(404)
    expect(await errorCodes(response)).toEqual(['BLOB_UNKNOWN'])
  })

  it('once it is deleted', async () => {
    const blob = await pushBlob(REPOSITORY, randomBytes(MIB + 1))
    expect((await get(blob, SIGNED)).status).toBe(307)
    expect((await get(blob, SIGNED, {}, 'DELETE')).status).toBe(202)
    const response = await get(blob, SIGNED)
    expect(response.status).toBe(404)
    expect(response.headers.has('Location')).toBe(false)
  })
})
