/** Server-Timing: what it says, and to whom. */
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Env } from '../../../src/http/middleware/context.ts'
import { digestOf } from '../../../src/oci/digest.ts'
import { administer, basic, closed, PASSWORD } from '../../support/access-world.ts'
import {
  beginUpload,
  bindings,
  pushBlob,
  pushImage,
  randomBytes,
  send,
} from '../../support/registry.ts'

const REPOSITORY = 'timing/app'

/** The header's metrics without their durations; each must have the form of W3C Server Timing. */
function metricsOf(response: Response): string[] | null {
  const header = response.headers.get('Server-Timing')
  if (header === null) return null
  return header.split(', ').map((metric) => {
    expect(metric).toMatch(/^[a-z0-9]+(;dur=[0-9]+)?(;desc="[^"\\]*")?$/)
    return metric.replace(/;dur=[0-9]+/, '')
  })
}

async function ask(
  method: string,
  path: string,
  environment: Env = bindings,
  authorization = '',
  body?: Uint8Array<ArrayBuffer>,
): Promise<string[] | null> {
  const headers: Record<string, string> = {}
  if (authorization !== '') headers.Authorization = authorization
  if (body !== undefined) headers['Content-Length'] = String(body.length)
  const init = body === undefined ? { headers } : { headers, body }
  return metricsOf(await send(method, path, init, environment))
}

beforeAll(async () => {
  await pushImage(REPOSITORY, 'latest')
  // What an isolate asks once: the key of upload ids, and whether any endpoint wants to hear of pulls.
  await beginUpload(REPOSITORY)
  await send('GET', `/v2/${REPOSITORY}/manifests/latest`)
})

afterEach(() => {
  vi.restoreAllMocks()
})

describe('the header', () => {
  it.each<[string, string, () => string, string[]]>([
    ['a manifest', 'GET', () => `/v2/${REPOSITORY}/manifests/latest`, ['d1;desc="1 call"']],
    ['HEAD', 'HEAD', () => `/v2/${REPOSITORY}/manifests/latest`, ['d1;desc="1 call"']],
    ['an upload', 'POST', () => `/v2/${REPOSITORY}/blobs/uploads/`, []],
    ['an API call', 'GET', () => '/api/v1/account', []],
  ])('has the calls to each service, and the total: %s', async (_, method, path, expected) => {
    expect(await ask(method, path())).toEqual([...expected, 'total'])
  })

  it('has the calls of upload sessions', async () => {
    const location = await beginUpload(REPOSITORY)
    const metrics = await ask('PATCH', location, bindings, '', randomBytes(10))
    expect(metrics).toEqual(['uploads;desc="1 call"', 'total'])
  })

  it('adds up the calls to the bucket', async () => {
    const bytes = randomBytes(100)
    const path = `/v2/${REPOSITORY}/blobs/uploads/?digest=${await digestOf(bytes)}`
    const metrics = await ask('POST', path, bindings, '', bytes)
    expect(metrics).toEqual(['d1;desc="1 call"', 'r2;desc="1 call"', 'total'])
  })

  it('says whether the edge had the bytes', async () => {
    const { digest } = await pushBlob(REPOSITORY, randomBytes(100))
    const path = `/v2/${REPOSITORY}/blobs/${digest}`
    const missed = ['d1;desc="1 call"', 'r2;desc="1 call"', 'cache;desc="miss"', 'total']
    expect(await ask('GET', path)).toEqual(missed)
    expect(await ask('GET', path)).toEqual(['d1;desc="1 call"', 'cache;desc="hit"', 'total'])
  })

  it('has durations above zero', async () => {
    const slow: Env = {
      ...bindings,
      DB: new Proxy(bindings.DB, {
        get: (target, name) => {
          if (name !== 'prepare') return Reflect.get(target, name)
          return (sql: string) => ({
            bind: () => ({
              first: () => scheduler.wait(30).then(() => null),
              all: () => scheduler.wait(30).then(() => ({ results: [] })),
            }),
            sql,
          })
        },
      }),
    }
    const response = await send('GET', '/api/v1/audit', {}, slow)
    const durations = [...(response.headers.get('Server-Timing') ?? '').matchAll(/dur=([0-9]+)/g)]
    const [d1 = 0, total = 0] = durations.map(([, ms]) => Number(ms))
    expect(d1).toBeGreaterThanOrEqual(29)
    expect(total).toBeGreaterThanOrEqual(d1)
  })

  it('is sent even if the registry itself fails', async () => {
    vi.spyOn(console, 'error').mockReturnValue(undefined)
    const broken = { ...bindings, DB: new Proxy(bindings.DB, { get: () => fail }) }
    expect(await ask('GET', `/v2/${REPOSITORY}/tags/list`, broken)).toEqual(['total'])
  })
})

function fail(): never {
  throw new Error('D1 is away')
}

describe('the reader of the header', () => {
  const admin = basic('admin', closed.ADMIN_PASSWORD ?? '')
  const viewer = basic('viewer', PASSWORD)

  beforeAll(async () => {
    await administer('POST', '/accounts', { name: 'viewer', password: PASSWORD })
    const grant = { principal: 'account:viewer', pattern: 'own/**', actions: ['pull', 'push'] }
    await administer('PUT', '/grants', grant)
  })

  it.each<[string, string, string, number]>([
    ['without credentials', `/v2/${REPOSITORY}/manifests/latest`, '', 401],
    ['with wrong ones', `/v2/${REPOSITORY}/manifests/latest`, basic('viewer', 'wrong'), 401],
    ['without the right', `/v2/${REPOSITORY}/manifests/latest`, viewer, 403],
    ['in vain', '/v2/own/app/manifests/absent', viewer, 404],
    ['with a name that is not valid', '/v2/Own/manifests/absent', viewer, 400],
  ])('gets none from %s', async (_, path, authorization, status) => {
    const headers: HeadersInit = authorization === '' ? {} : { Authorization: authorization }
    const response = await send('GET', path, { headers }, closed)
    expect(response.status).toBe(status)
    expect(metricsOf(response)).toBeNull()
  })

  it('learns nothing about the bucket and its cache unless it is an administrator', async () => {
    const bytes = randomBytes(100)
    const { digest } = await pushBlob('secret/app', bytes)
    await send('GET', `/v2/secret/app/blobs/${digest}`)
    // The same bytes, which somebody else has and has pulled here.
    const push = `/v2/own/app/blobs/uploads/?digest=${digest}`
    const pushed = await ask('POST', push, closed, viewer, bytes)
    const pulled = await ask('GET', `/v2/own/app/blobs/${digest}`, closed, viewer)

    const fresh = randomBytes(100)
    const freshDigest = await digestOf(fresh)
    const freshPush = `/v2/own/app/blobs/uploads/?digest=${freshDigest}`
    expect(await ask('POST', freshPush, closed, viewer, fresh)).toEqual(pushed)
    expect(await ask('GET', `/v2/own/app/blobs/${freshDigest}`, closed, viewer)).toEqual(pulled)

    const seen = await ask('GET', `/v2/own/app/blobs/${digest}`, closed, admin)
    expect(seen).toContain('cache;desc="hit"')
  })

  it('sees the same for a mount of an existing blob and of a missing one', async () => {
    const { digest } = await pushBlob('secret/app', randomBytes(100))
    const unknown = `sha256:${'f'.repeat(64)}`
    for (const from of ['', '&from=secret/app']) {
      const [there, gone] = await Promise.all(
        [digest, unknown].map((one) =>
          ask('POST', `/v2/own/app/blobs/uploads/?mount=${one}${from}`, closed, viewer),
        ),
      )
      expect(there).not.toBeNull()
      expect(there).toEqual(gone)
    }
  })
})
