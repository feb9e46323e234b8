/** The budgets of the design: what each operation asks of R2, D1 and Durable Objects, counted exactly. It is also the bill. */
import { beforeAll, describe, expect, it } from 'vitest'
import { digestOf } from '../../src/oci/digest.ts'
import { PART_BYTES } from '../../src/store/bytes/buffer-pool.ts'
import { grant, newAccount, newToken } from '../auth/login-support.ts'
import { type Counts, counted } from '../support/counting.ts'
import {
  beginUpload,
  bindings,
  imageManifest,
  type PushedImage,
  pushBlob,
  pushImage,
  putManifest,
  randomBytes,
  send,
} from '../support/registry.ts'
import { ofLength } from '../support/uploads.ts'

const REPOSITORY = 'budget/app'

function cost(expected: Partial<Counts>): Counts {
  return { r2Reads: 0, r2Writes: 0, r2Deletes: 0, d1: 0, durableObjectCalls: 0, ...expected }
}

let image: PushedImage

beforeAll(async () => {
  image = await pushImage(REPOSITORY, 'latest')
  // The first upload of an isolate reads the key that signs upload ids, and the registry's id.
  await pushStreamed(randomBytes(10))
  // And once a minute a pull asks, beside its answer, whether any endpoint wants to hear of pulls.
  await send('GET', `/v2/${REPOSITORY}/manifests/latest`)
})

describe('pulling', () => {
  it.each<[string, string, () => string, Partial<Counts>]>([
    ['a manifest by tag', 'GET', () => 'manifests/latest', { d1: 1 }],
    ['a manifest by digest', 'GET', () => `manifests/${image.digest}`, { d1: 1 }],
    ['HEAD of a manifest', 'HEAD', () => 'manifests/latest', { d1: 1 }],
    ['HEAD of a blob', 'HEAD', () => `blobs/${image.layer.digest}`, { d1: 1 }],
    ['a blob', 'GET', () => `blobs/${image.layer.digest}`, { r2Reads: 1, d1: 1 }],
    ['a blob, cached at this edge', 'GET', () => `blobs/${image.layer.digest}`, { d1: 1 }],
    ['the tags', 'GET', () => 'tags/list', { d1: 1 }],
    ['the referrers', 'GET', () => `referrers/${image.digest}`, { d1: 1 }],
  ])('%s', async (_, method, path, expected) => {
    const counts = await counted(async () => {
      const response = await send(method, `/v2/${REPOSITORY}/${path()}`)
      expect(response.status).toBe(200)
    })
    expect(counts).toEqual(cost(expected))
  })
})

describe('pulling ranges of a blob', () => {
  it('makes one read of 1,024 small ones near each other', async () => {
    const { digest } = await pushBlob(REPOSITORY, randomBytes(1024 * 256))
    const specs = Array.from({ length: 1024 }, (_, i) => `${i * 256}-${i * 256 + 99}`)
    const counts = await counted(async () => {
      const response = await send('GET', `/v2/${REPOSITORY}/blobs/${digest}`, {
        headers: { Range: `bytes=${specs}` },
      })
      expect(response.status).toBe(206)
      await response.arrayBuffer()
    })
    expect(counts).toEqual(cost({ r2Reads: 1, d1: 1 }))
  })
})

describe('pushing a blob', () => {
  it('POST with digest and length', async () => {
    const bytes = randomBytes(2000)
    const counts = await counted(() => pushBlob(REPOSITORY, bytes))
    expect(counts).toEqual(cost({ r2Writes: 1, d1: 1 }))
  })

  it('POST, then PUT with digest and length', async () => {
    const bytes = randomBytes(2000)
    const digest = await digestOf(bytes)
    const counts = await counted(async () => {
      const location = await beginUpload(REPOSITORY)
      const response = await send('PUT', `${location}?digest=${digest}`, ofLength(bytes))
      expect(response.status).toBe(201)
    })
    expect(counts).toEqual(cost({ r2Writes: 1, d1: 1 }))
  })

  it('POST, PATCH, PUT, smaller than a part', async () => {
    const counts = await counted(() => pushStreamed(randomBytes(2000)))
    expect(counts).toEqual(cost({ r2Writes: 1, d1: 1, durableObjectCalls: 2 }))
  })

  it.each([
    [1, PART_BYTES],
    [2, PART_BYTES + 1],
    [3, 2 * PART_BYTES + 7],
  ])('POST, PATCH, PUT, %i parts', async (parts, length) => {
    const counts = await counted(() => pushStreamed(randomBytes(length)))
    expect(counts).toEqual(cost({ r2Writes: parts + 2, d1: 1, durableObjectCalls: 2 }))
  })

  it('a mount', async () => {
    const counts = await counted(async () => {
      const path = `/v2/budget/other/blobs/uploads/?mount=${image.layer.digest}&from=${REPOSITORY}`
      expect((await send('POST', path)).status).toBe(201)
    })
    expect(counts).toEqual(cost({ d1: 1 }))
  })
})

describe('pushing a manifest', () => {
  it('stored in its row', async () => {
    const bytes = imageManifest(image.config, [image.layer], { annotations: { a: '1' } })
    const counts = await counted(async () => {
      expect((await putManifest(REPOSITORY, 'small', bytes)).status).toBe(201)
    })
    expect(counts).toEqual(cost({ d1: 1 }))
  })

  it('that refers to missing content: the batch that fails, and the query for the reason', async () => {
    const missing = { digest: image.digest, size: image.bytes.length }
    const bytes = imageManifest(image.config, [missing])
    const counts = await counted(async () => {
      expect((await putManifest(REPOSITORY, 'small', bytes)).status).toBe(400)
    })
    expect(counts).toEqual(cost({ d1: 2 }))
  })

  it('of more than 64 KiB', async () => {
    const annotations = { padding: 'x'.repeat(64 * 1024) }
    const bytes = imageManifest(image.config, [image.layer], { annotations })
    const counts = await counted(async () => {
      expect((await putManifest(REPOSITORY, 'large', bytes)).status).toBe(201)
    })
    expect(counts).toEqual(cost({ r2Writes: 1, d1: 2 }))
  })

  it('of more than 64 KiB that refers to missing content: nothing is written', async () => {
    const missing = { digest: image.digest, size: image.bytes.length }
    const annotations = { padding: 'x'.repeat(64 * 1024) }
    const bytes = imageManifest(image.config, [missing], { annotations })
    const counts = await counted(async () => {
      expect((await putManifest(REPOSITORY, 'large', bytes)).status).toBe(400)
    })
    expect(counts).toEqual(cost({ d1: 1 }))
  })
})

describe('on a registry that requires a login', () => {
  const password = 'a budget of nothing'
  const closed = { ...bindings, OPEN_ACCESS: 'false', ADMIN_PASSWORD: password }
  const basic = `Basic ${btoa(`admin:${password}`)}`
  let bearer: string

  beforeAll(async () => {
    const path = `/token?service=berth&scope=repository:${REPOSITORY}:pull,push`
    const response = await send('GET', path, { headers: { Authorization: basic } }, closed)
    const { token } = await response.json<{ token: string }>()
    bearer = `Bearer ${token}`
  })

  it.each<[string, string, () => string, Partial<Counts>]>([
    ['a manifest by tag', 'GET', () => 'manifests/latest', { d1: 1 }],
    ['HEAD of a blob', 'HEAD', () => `blobs/${image.layer.digest}`, { d1: 1 }],
    ['the tags', 'GET', () => 'tags/list', { d1: 1 }],
    ['the begin of an upload', 'POST', () => 'blobs/uploads/', {}],
  ])('a token adds nothing to %s', async (_, method, path, expected) => {
    const headers = { Authorization: bearer }
    const counts = await counted(async () => {
      const response = await send(method, `/v2/${REPOSITORY}/${path()}`, { headers }, closed)
      expect(response.ok).toBe(true)
    })
    expect(counts).toEqual(cost(expected))
  })

  it('a request without credentials costs nothing', async () => {
    const counts = await counted(async () => {
      const response = await send('GET', `/v2/${REPOSITORY}/manifests/latest`, {}, closed)
      expect(response.status).toBe(401)
    })
    expect(counts).toEqual(cost({}))
  })

  it('a known password adds nothing; a wrong one adds two calls of its guard and its count', async () => {
    const path = `/v2/${REPOSITORY}/manifests/latest`
    const known = await counted(() =>
      send('GET', path, { headers: { Authorization: basic } }, closed),
    )
    expect(known).toEqual(cost({ d1: 1 }))
    const headers = { Authorization: `Basic ${btoa('admin:a wrong password')}` }
    const wrong = await counted(() => send('GET', path, { headers }, closed))
    expect(wrong).toEqual(cost({ d1: 1, durableObjectCalls: 2 }))
  })
})

describe('on a registry that has only accounts', () => {
  const closed = { ...bindings, OPEN_ACCESS: 'false' }
  let basic: string
  let bearer: string

  beforeAll(async () => {
    const owner = await newAccount()
    const { secret } = await newToken(owner)
    await grant('account', owner, 'budget/**', 'pull', 'push')
    basic = `Basic ${btoa(`${owner}:${secret}`)}`
    const path = `/token?service=berth&scope=repository:${REPOSITORY}:pull,push`
    const response = await send('GET', path, { headers: { Authorization: basic } }, closed)
    bearer = `Bearer ${(await response.json<{ token: string }>()).token}`
  })

  it.each<[string, () => string, Partial<Counts>]>([
    ['no credentials', () => '', {}],
    ['a bearer token', () => bearer, { d1: 1 }],
    ['an access token', () => basic, { d1: 2 }],
  ])('a pull by tag with %s', async (_, authorization, expected) => {
    const headers = new Headers({ Authorization: authorization() })
    const path = `/v2/${REPOSITORY}/manifests/latest`
    const counts = await counted(() => send('GET', path, { headers }, closed))
    expect(counts).toEqual(cost(expected))
  })
})

async function pushStreamed(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const location = await beginUpload(REPOSITORY)
  const patched = await send('PATCH', location, { body: bytes })
  expect(patched.status).toBe(202)
  const next = patched.headers.get('Location')
  const digest = await digestOf(bytes)
  expect((await send('PUT', `${next}?digest=${digest}`)).status).toBe(201)
}
