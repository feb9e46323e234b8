/** Pulls over real connections: many clients at once, those that leave, and those that are sent to the bucket. */
import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type LocalRegistry, startLocal } from '../../src/cli/local.ts'
import { type Bytes, digestOf, newBytes, stateFolder } from './support.ts'

const MIB = 1024 * 1024
const HERD = 20

async function push(url: URL, repository: string, blob: Bytes, headers = {}): Promise<void> {
  const target = new URL(`/v2/${repository}/blobs/uploads/?digest=${blob.digest}`, url)
  const response = await fetch(target, { method: 'POST', body: blob.bytes, headers })
  expect(response.status).toBe(201)
}

function blobUrl(url: URL, repository: string, { digest }: Bytes): URL {
  return new URL(`/v2/${repository}/blobs/${digest}`, url)
}

/** R2 calls of an answer, as its Server-Timing has them. */
function r2Calls(response: Response): number {
  const timing = response.headers.get('Server-Timing') ?? ''
  return Number(/\br2;[^,]*desc="(\d+) call/.exec(timing)?.[1] ?? 0)
}

/** The digest of what each of a herd got, and the R2 reads that all of it cost. */
async function herd(target: URL): Promise<{ digests: Set<string>; reads: number }> {
  const pulls = Array.from({ length: HERD }, async () => {
    const response = await fetch(target)
    return { digest: digestOf(await response.bytes()), reads: r2Calls(response) }
  })
  const pulled = await Promise.all(pulls)
  return {
    digests: new Set(pulled.map(({ digest }) => digest)),
    reads: pulled.reduce((sum, { reads }) => sum + reads, 0),
  }
}

describe('many clients at once', () => {
  const state = stateFolder()
  let registry: LocalRegistry
  beforeAll(async () => {
    registry = await startLocal({ state: state.path, vars: { LOG_REQUESTS: 'false' } })
  })
  afterAll(async () => {
    await registry.stop()
    await state.remove()
  })

  it.each([
    ['one read of a small blob', 100_000, 1],
    // Of a large one the first may have been sent on its way before the second asks.
    ['one read, or two, of a large one', 5 * MIB, 2],
  ])('cost %s, and then none', async (_, length, reads) => {
    const blob = newBytes(length)
    await push(registry.url, 'herd/app', blob)
    const target = blobUrl(registry.url, 'herd/app', blob)
    const first = await herd(target)
    expect(first.digests).toEqual(new Set([blob.digest]))
    expect(first.reads).toBeLessThanOrEqual(reads)
    expect(await herd(target)).toEqual({ digests: new Set([blob.digest]), reads: 0 })
  })

  it('cost one read of a large manifest by its tag, and then none', async () => {
    const config = newBytes(100)
    await push(registry.url, 'herd/app', config)
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        config: {
          mediaType: 'application/vnd.oci.image.config.v1+json',
          digest: config.digest,
          size: config.bytes.length,
        },
        layers: [],
        annotations: { padding: 'x'.repeat(100_000) },
      }),
    )
    const target = new URL('/v2/herd/app/manifests/large', registry.url)
    const headers = { 'Content-Type': 'application/vnd.oci.image.manifest.v1+json' }
    expect((await fetch(target, { method: 'PUT', body: manifest, headers })).status).toBe(201)
    const digests = new Set([digestOf(manifest)])
    expect(await herd(target)).toEqual({ digests, reads: 1 })
    expect(await herd(target)).toEqual({ digests, reads: 0 })
  })

  it('do not depend on the one that began to read for them', async () => {
    const blob = newBytes(5 * MIB)
    await push(registry.url, 'herd/left', blob)
    const target = blobUrl(registry.url, 'herd/left', blob)
    const leaves = Array.from({ length: 2 }, async () => {
      const socket = connect(Number(registry.url.port), registry.url.hostname)
      socket.write(`GET ${target.pathname} HTTP/1.1\r\nHost: ${registry.url.host}\r\n\r\n`)
      // Long enough for its query and its read of R2, too short for the cache.
      await wait(30)
      socket.destroy()
    })
    await wait(10)
    const [pulled] = await Promise.all([herd(target), ...leaves])
    expect(pulled.digests).toEqual(new Set([blob.digest]))
    expect(pulled.reads).toBeLessThanOrEqual(1)
  })

  it('are not held up by one that reads nothing', async () => {
    const blob = newBytes(5 * MIB)
    await push(registry.url, 'herd/slow', blob)
    const target = blobUrl(registry.url, 'herd/slow', blob)
    const slow = connect(Number(registry.url.port), registry.url.hostname)
    slow.pause()
    slow.write(`GET ${target.pathname} HTTP/1.1\r\nHost: ${registry.url.host}\r\n\r\n`)
    await wait(5)
    expect((await herd(target)).digests).toEqual(new Set([blob.digest]))
    slow.destroy()
  })
})

/** Stands where the bucket is, with one object under any path. */
class Bucket {
  readonly requests: { path: string; headers: IncomingHttpHeaders }[] = []
  readonly #server: Server
  #object: Buffer = Buffer.alloc(0)

  constructor() {
    this.#server = createServer((request, response) => {
      this.requests.push({ path: request.url ?? '', headers: request.headers })
      const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
      if (range === null) return response.end(this.#object)
      response.statusCode = 206
      response.end(this.#object.subarray(Number(range[1]), Number(range[2]) + 1))
    })
  }

  async listen(): Promise<URL> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening')
    const { port } = this.#server.address() as AddressInfo
    return new URL(`http://127.0.0.1:${port}/bucket`)
  }

  hold(object: Buffer): void {
    this.#object = object
    this.requests.length = 0
  }

  close(): void {
    this.#server.close()
  }
}

describe('clients that are sent to the bucket', () => {
  const secret = 'the bucket knows it'
  const state = stateFolder()
  const bucket = new Bucket()
  const blob = newBytes(MIB)
  const password = 'pulls are redirected'
  const headers = { Authorization: `Basic ${btoa(`admin:${password}`)}` }
  let registry: LocalRegistry
  let base: URL

  beforeAll(async () => {
    base = await bucket.listen()
    const vars = {
      LOG_REQUESTS: 'false',
      OPEN_ACCESS: 'false',
      ADMIN_PASSWORD: password,
      BLOB_REDIRECT: base.href,
      BLOB_REDIRECT_MIN_MIB: '1',
      BLOB_REDIRECT_KEY_ID: 'id',
      BLOB_REDIRECT_SECRET: secret,
    }
    registry = await startLocal({ state: state.path, vars })
    await push(registry.url, 'sent/app', blob, headers)
    bucket.hold(blob.bytes)
  })
  afterAll(async () => {
    await registry.stop()
    bucket.close()
    await state.remove()
  })

  it('get the bytes there, whole or in part, and take no credentials with them', async () => {
    const target = blobUrl(registry.url, 'sent/app', blob)
    const whole = await fetch(target, { headers })
    expect(digestOf(await whole.bytes())).toBe(blob.digest)
    const part = await fetch(target, { headers: { ...headers, Range: 'bytes=10-19' } })
    expect(part.status).toBe(206)
    expect(Buffer.from(await part.bytes())).toEqual(blob.bytes.subarray(10, 20))
    expect(bucket.requests).toHaveLength(2)
    for (const request of bucket.requests) {
      expect(request.headers.authorization).toBeUndefined()
      expectTarget(request.path)
    }
  })

  it('are not sent there without credentials', async () => {
    bucket.hold(blob.bytes)
    const response = await fetch(blobUrl(registry.url, 'sent/app', blob))
    expect(response.status).toBe(401)
    expect(bucket.requests).toEqual([])
  })

  function expectTarget(path: string): void {
    const url = new URL(path, base)
    expect(url.pathname).toMatch(
      /^\/bucket\/[0-9a-f]{16}\/blobs\/\d{4}-\d{2}-\d{2}\/[0-9a-f-]{36}$/,
    )
    expect(url.searchParams.get('X-Amz-Signature')).toBe(signatureOf(url, secret))
  }
})

/** What S3 computes from the URL that it is asked for: "Signature Calculations", Amazon S3 API Reference. */
function signatureOf(url: URL, secret: string): string {
  const parameters = url.search.slice(1).split('&')
  const query = parameters
    .filter((one) => !one.startsWith('X-Amz-Signature='))
    .sort()
    .join('&')
  const request = ['GET', url.pathname, query, `host:${url.host}`, '', 'host', 'UNSIGNED-PAYLOAD']
  const scope = url.searchParams.get('X-Amz-Credential')?.split('/').slice(1) ?? []
  const hash = createHash('sha256').update(request.join('\n')).digest('hex')
  const time = url.searchParams.get('X-Amz-Date')
  const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest()
  const key = scope.reduce(hmac, Buffer.from(`AWS4${secret}`))
  return hmac(key, `AWS4-HMAC-SHA256\n${time}\n${scope.join('/')}\n${hash}`).toString('hex')
}
