/**
 * I9: failure is clean. Every call of R2 and D1 that an operation makes fails once, before and after its effect: the client
 * gets an OCI error, and the same request again succeeds.
 */
import { describe, expect, it } from 'vitest'
import { digestOf } from '../../src/oci/digest.ts'
import { PART_BYTES } from '../../src/store/bytes/buffer-pool.ts'
import {
  beginUpload,
  type ErrorBody,
  imageManifest,
  pushBlob,
  pushImage,
  randomBytes,
  send,
} from '../support/registry.ts'
import { ofLength } from '../support/uploads.ts'
import { recordCalls, withFault } from './faults.ts'

interface Try {
  method: string
  path: string
  init?: RequestInit
  /** What success looks like. */
  status: number
  /** What the same request answers where its first try had taken effect; by default the same as at first. */
  repeated?: number
}

/** Each makes what its operation needs, and tells the request that is to be tried. */
const OPERATIONS: Record<string, () => Promise<Try>> = {
  'push a blob with POST': async () => {
    const body = randomBytes(500)
    const path = `/v2/i9/app/blobs/uploads/?digest=${await digestOf(body)}`
    return { method: 'POST', path, init: ofLength(body), status: 201 }
  },
  'push a blob with PUT': async () => {
    const body = randomBytes(500)
    const path = `${await beginUpload('i9/app')}?digest=${await digestOf(body)}`
    return { method: 'PUT', path, init: ofLength(body), status: 201 }
  },
  'close an upload of less than a part': () => closing(500),
  'close an upload of a part and a tail': () => closing(PART_BYTES + 500),
  mount: async () => {
    const { digest } = await pushBlob('i9/source', randomBytes(500))
    const path = `/v2/i9/target/blobs/uploads/?mount=${digest}&from=i9/source`
    return { method: 'POST', path, status: 201 }
  },
  'push a manifest': () => manifest(''),
  'push a manifest of more than 64 KiB': () => manifest('x'.repeat(70_000)),
  'delete a blob': async () => {
    const { digest } = await pushBlob('i9/app', randomBytes(500))
    const path = `/v2/i9/app/blobs/${digest}`
    return { method: 'DELETE', path, status: 202, repeated: 404 }
  },
  'delete a manifest': async () => {
    const { digest } = await pushImage('i9/app', 'deleted')
    const path = `/v2/i9/app/manifests/${digest}`
    return { method: 'DELETE', path, status: 202, repeated: 404 }
  },
  'delete a tag': async () => {
    await pushImage('i9/app', 'deleted')
    return { method: 'DELETE', path: '/v2/i9/app/manifests/deleted', status: 202, repeated: 404 }
  },
  'cancel an upload': async () => {
    const location = await received(PART_BYTES + 500)
    return { method: 'DELETE', path: location, status: 204, repeated: 404 }
  },
  'pull a blob': async () => {
    const { digest } = await pushBlob('i9/app', randomBytes(500))
    return { method: 'GET', path: `/v2/i9/app/blobs/${digest}`, status: 200 }
  },
  'pull a range': async () => {
    const { digest } = await pushBlob('i9/app', randomBytes(500))
    const init = { headers: { Range: 'bytes=10-20' } }
    return { method: 'GET', path: `/v2/i9/app/blobs/${digest}`, init, status: 206 }
  },
  'pull a manifest': async () => {
    await pushImage('i9/app', 'pulled')
    return { method: 'GET', path: '/v2/i9/app/manifests/pulled', status: 200 }
  },
  'pull a manifest of more than 64 KiB': async () => {
    await pushImage('i9/app', 'large', { annotations: { padding: 'x'.repeat(70_000) } })
    return { method: 'GET', path: '/v2/i9/app/manifests/large', status: 200 }
  },
  'list tags': async () => {
    await pushImage('i9/app', 'listed')
    return { method: 'GET', path: '/v2/i9/app/tags/list', status: 200 }
  },
  'list repositories': async () => ({ method: 'GET', path: '/v2/_catalog', status: 200 }),
  'list referrers': async () => {
    const { digest } = await pushImage('i9/app', 'referred')
    return { method: 'GET', path: `/v2/i9/app/referrers/${digest}`, status: 200 }
  },
}

async function received(length: number): Promise<string> {
  const location = await beginUpload('i9/app')
  const body = randomBytes(length)
  expect((await send('PATCH', location, { body })).status).toBe(202)
  return location
}

async function closing(length: number): Promise<Try> {
  const location = await beginUpload('i9/app')
  const body = randomBytes(length)
  expect((await send('PATCH', location, { body })).status).toBe(202)
  return { method: 'PUT', path: `${location}?digest=${await digestOf(body)}`, status: 201 }
}

async function manifest(padding: string): Promise<Try> {
  const config = await pushBlob('i9/app', randomBytes(100))
  const body = imageManifest(config, [config], { annotations: { padding } })
  const headers = { 'Content-Type': 'application/vnd.oci.image.manifest.v1+json' }
  return {
    method: 'PUT',
    path: '/v2/i9/app/manifests/pushed',
    init: { body, headers },
    status: 201,
  }
}

function attempt({ method, path, init }: Try): Promise<Response> {
  return send(method, path, init)
}

async function expectCleanError(response: Response, expected = [500, 503]): Promise<void> {
  expect(expected).toContain(response.status)
  if (!expected.includes(500)) expect(response.headers.get('Retry-After')).toBe('1')
  expect(response.headers.get('Content-Type')).toContain('application/json')
  const text = await response.text()
  const { errors }: ErrorBody = JSON.parse(text)
  expect(errors).toHaveLength(1)
  expect(['UNKNOWN', 'UNAVAILABLE', 'TOOMANYREQUESTS']).toContain(errors[0]?.code)
  // It says which request it was, and nothing of what is inside.
  const requestId = response.headers.get('X-Request-Id') ?? 'none'
  expect(text).toContain(requestId)
  expect(text.replace(requestId, '')).not.toMatch(/r2|d1|sql|failed|lost/i)
}

/** An error that passes tells the client to try again, and is never a 500. */
function passingStatus(method: string): number {
  return method === 'GET' || method === 'HEAD' ? 429 : 503
}

describe.each(Object.keys(OPERATIONS))('%s', (name) => {
  it.each([
    ['that lasts', false],
    ['that passes', true],
  ])(
    'fails cleanly at each call by an error %s, and succeeds when it is tried again',
    async (_, passing) => {
      const prepare = OPERATIONS[name]
      if (prepare === undefined) throw new Error(name)
      const model = await prepare()
      const calls = await recordCalls(async () => {
        expect((await attempt(model)).status).toBe(model.status)
      })
      expect(calls.length).toBeGreaterThan(0)
      for (let call = 1; call <= calls.length; call++) {
        for (const when of ['before', 'after'] as const) {
          const request = await prepare()
          const failed = await withFault({ call, when, passing }, () => attempt(request))
          // Some failures need not reach the client: what is left undone is done later.
          const statuses = passing ? [passingStatus(request.method)] : [500, 503]
          if (failed.status !== request.status) await expectCleanError(failed, statuses)
          const again = await attempt(request)
          const expected = [request.status, request.repeated ?? request.status]
          expect(expected, `${calls[call - 1]} failed ${when} its effect`).toContain(again.status)
          await again.arrayBuffer()
        }
      }
    },
  )
})

describe('a PATCH that fails is resumed at the offset of the status', () => {
  it.each([500, 2 * PART_BYTES])('%i bytes', async (length) => {
    const bytes = randomBytes(length)
    const begin = async () => ({ path: await beginUpload('i9/app'), bytes })
    const calls = await recordCalls(async () => {
      const { path } = await begin()
      await send('PATCH', path, { body: bytes })
    })
    for (let call = 1; call <= calls.length; call++) {
      for (const when of ['before', 'after'] as const) {
        const { path } = await begin()
        const failed = await withFault({ call, when }, () => send('PATCH', path, { body: bytes }))
        if (failed.status === 202) continue
        await expectCleanError(failed)
        const status = await send('GET', path)
        const last = Number(status.headers.get('Range')?.split('-')[1])
        const offset = last === 0 ? 0 : last + 1
        const headers = { 'Content-Range': `${offset}-${length - 1}` }
        if (offset < length) {
          const rest = await send('PATCH', path, { body: bytes.slice(offset), headers })
          expect(rest.status).toBe(202)
        }
        const closed = await send('PUT', `${path}?digest=${await digestOf(bytes)}`)
        expect(closed.status).toBe(201)
      }
    }
  })
})
