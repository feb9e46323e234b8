/** Errors and methods: the envelope, 404, 405 and OPTIONS, and what a client learns when the registry itself fails. */
import { describe, expect, it, vi } from 'vitest'
import type { Env } from '../../../src/http/middleware/context.ts'
import {
  bindings,
  bytesOf,
  type ErrorBody,
  errorCodes,
  pushImage,
  send,
} from '../../support/registry.ts'

const UNKNOWN = `sha256:${'0'.repeat(64)}`
const ROUTES: [string, string, string][] = [
  ['/', 'GET, HEAD', 'POST PUT PATCH DELETE'],
  ['/healthz', 'GET, HEAD', 'POST PUT PATCH DELETE'],
  ['/readyz', 'GET, HEAD', 'POST PUT PATCH DELETE'],
  ['/v2', 'GET, HEAD', 'POST PUT PATCH DELETE'],
  ['/v2/', 'GET, HEAD', 'POST PUT PATCH DELETE'],
  ['/v2/_catalog', 'GET, HEAD', 'POST PUT PATCH DELETE'],
  ['/v2/foo/tags/list', 'GET, HEAD', 'POST PUT PATCH DELETE'],
  [`/v2/foo/referrers/${UNKNOWN}`, 'GET, HEAD', 'POST PUT PATCH DELETE'],
  [`/v2/foo/blobs/${UNKNOWN}`, 'GET, HEAD, DELETE', 'POST PUT PATCH'],
  ['/v2/foo/manifests/latest', 'GET, HEAD, PUT, DELETE', 'POST PATCH'],
  ['/v2/foo/blobs/uploads', 'POST', 'GET HEAD PUT PATCH DELETE'],
  ['/v2/foo/blobs/uploads/', 'POST', 'GET HEAD PUT PATCH DELETE'],
  ['/v2/foo/blobs/uploads/id', 'GET, HEAD, PATCH, PUT, DELETE', 'POST'],
]

describe.each(ROUTES)('%s', (path, allowed, others) => {
  it.each(others.split(' '))(`answers 405 to %s, and Allow: ${allowed}`, async (method) => {
    const response = await send(method, path)
    expect(response.status).toBe(405)
    expect(response.headers.get('Allow')).toBe(allowed)
    expect(response.headers.get('Docker-Distribution-Api-Version')).toBe('registry/2.0')
    if (method === 'HEAD') expect(await response.text()).toBe('')
    else expect(await errorCodes(response)).toEqual(['UNSUPPORTED'])
  })

  it('answers OPTIONS with its methods', async () => {
    const response = await send('OPTIONS', path)
    expect(response.status).toBe(200)
    expect(response.headers.get('Allow')).toBe(allowed)
    expect(await response.text()).toBe('')
  })

  it('answers an unknown method with 405', async () => {
    const response = await send('PROPFIND', path)
    expect(response.status).toBe(405)
    expect(response.headers.get('Allow')).toBe(allowed)
  })
})

describe('an unknown path', () => {
  it.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])(
    'answers 404 to %s',
    async (method) => {
      const response = await send(method, '/v2/foo/unknown/thing')
      expect(response.status).toBe(404)
      expect(response.headers.has('Allow')).toBe(false)
      if (method === 'HEAD') expect(await response.text()).toBe('')
      else expect(await errorCodes(response)).toEqual(['UNSUPPORTED'])
    },
  )
})

describe('every answer', () => {
  it.each<[string, string, number]>([
    ['GET', '/', 200],
    ['GET', '/v2/', 200],
    ['GET', '/healthz', 200],
    ['GET', '/v2/_catalog', 200],
    ['HEAD', '/v2/', 200],
    ['OPTIONS', '/v2/', 200],
    ['POST', '/v2/foo/blobs/uploads/', 202],
    ['GET', '/v2/Foo/tags/list', 400],
    ['GET', '/v2/foo/blobs/x', 400],
    ['GET', '/nowhere', 404],
    ['GET', '/v2/none/tags/list', 404],
    ['POST', '/v2/', 405],
  ])('to %s %s (%i) names the API version and the request', async (method, path, status) => {
    const response = await send(method, path)
    expect(response.status).toBe(status)
    expect(response.headers.get('Docker-Distribution-Api-Version')).toBe('registry/2.0')
    expect(response.headers.get('X-Content-Type-Options')).toBe('nosniff')
    expect(response.headers.get('X-Request-Id')).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('to the version check is {} of two bytes', async () => {
    for (const path of ['/v2', '/v2/']) {
      const response = await send('GET', path)
      expect(response.headers.get('Content-Type')).toMatch(/^application\/json/)
      expect(await response.text()).toBe('{}')
    }
  })

  it('to the probe of a load balancer is empty and not cached', async () => {
    const response = await send('GET', '/')
    expect(response.headers.get('Cache-Control')).toBe('no-cache')
    expect(await response.text()).toBe('')
  })

  it('with an error is the envelope, on a line of its own', async () => {
    const response = await send('GET', '/v2/none/tags/list')
    expect(response.headers.get('Content-Type')).toBe('application/json; charset=utf-8')
    expect(await response.text()).toBe(
      '{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry",' +
        '"detail":{"name":"none"}}]}\n',
    )
  })
})

/** A binding of which every use fails with `error`. */
function broken<T extends object>(error: Error): T {
  const fail = () => {
    throw error
  }
  return new Proxy(Object.create(null), { get: () => fail })
}

describe('a failure of the registry itself', () => {
  const secret = 'D1_ERROR: no such table: secrets at /srv/worker.js:1'

  it.each<[string, string, string]>([
    ['GET', '/v2/foo/tags/list', ''],
    ['GET', '/v2/_catalog', ''],
    ['GET', '/v2/foo/manifests/latest', ''],
    ['GET', `/v2/foo/blobs/${UNKNOWN}`, ''],
    ['DELETE', '/v2/foo/manifests/latest', ''],
    ['DELETE', `/v2/foo/blobs/${UNKNOWN}`, ''],
    ['POST', '/v2/foo/blobs/uploads/', ''],
    ['POST', `/v2/foo/blobs/uploads/?mount=${UNKNOWN}`, ''],
    ['PUT', '/v2/foo/manifests/latest', '{"schemaVersion":2,"manifests":[]}'],
  ])(
    'is 500 to %s %s, with the request id and nothing of the cause',
    async (method, path, body) => {
      const logged = vi.spyOn(console, 'error').mockImplementation(() => undefined)
      const environment: Env = { ...bindings, DB: broken(new Error(secret)) }
      const response = await send(
        method,
        path,
        body === '' ? {} : { body: bytesOf(body) },
        environment,
      )
      expect(response.status).toBe(500)
      expect(response.headers.get('Docker-Distribution-Api-Version')).toBe('registry/2.0')
      const requestId = response.headers.get('X-Request-Id')
      expect(await response.json()).toEqual({
        errors: [{ code: 'UNKNOWN', message: 'unknown error', detail: { requestId } }],
      })
      expect(logged).toHaveBeenCalledOnce()
      const line = JSON.stringify(logged.mock.calls[0])
      expect(line).toContain(requestId)
      expect(line).toContain(secret)
      logged.mockRestore()
    },
  )

  it('is 500 if R2 fails', async () => {
    const logged = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    const { layer } = await pushImage('foo', 'latest')
    const environment: Env = { ...bindings, BUCKET: broken(new Error(secret)) }
    const response = await send('GET', `/v2/foo/blobs/${layer.digest}`, {}, environment)
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('D1_ERROR')
    logged.mockRestore()
  })

  const lost = new Error('D1_ERROR: Network connection lost.')

  it.each<[string, string, number, string, Error]>([
    ['GET', '/v2/foo/tags/list', 429, 'TOOMANYREQUESTS', lost],
    ['GET', '/v2/foo/manifests/latest', 429, 'TOOMANYREQUESTS', lost],
    ['GET', `/v2/foo/blobs/${UNKNOWN}`, 429, 'TOOMANYREQUESTS', lost],
    ['POST', `/v2/foo/blobs/uploads/?mount=${UNKNOWN}`, 503, 'UNAVAILABLE', lost],
    ['PUT', '/v2/foo/manifests/latest', 503, 'UNAVAILABLE', lost],
    ['DELETE', '/v2/foo/manifests/latest', 503, 'UNAVAILABLE', lost],
    ['DELETE', `/v2/foo/blobs/${UNKNOWN}`, 503, 'UNAVAILABLE', lost],
    [
      'GET',
      '/v2/foo/tags/list',
      429,
      'TOOMANYREQUESTS',
      Object.assign(new Error(secret), { retryable: true }),
    ],
    [
      'DELETE',
      '/v2/foo/manifests/latest',
      503,
      'UNAVAILABLE',
      Object.assign(new Error(secret), { overloaded: true }),
    ],
  ])('that is temporary tells a client to try again: %s %s is %i', async (...row) => {
    const [method, path, status, code, error] = row
    const logged = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    const body = method === 'PUT' ? bytesOf('{"schemaVersion":2,"manifests":[]}') : null
    const response = await send(method, path, { body }, { ...bindings, DB: broken(error) })
    expect(response.status).toBe(status)
    expect(response.headers.get('Retry-After')).toBe('1')
    const { errors } = await response.json<ErrorBody>()
    expect(errors.map((entry) => entry.code)).toEqual([code])
    logged.mockRestore()
  })

  it('that is temporary is 429 to HEAD too', async () => {
    const logged = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    const environment: Env = { ...bindings, DB: broken(lost) }
    const response = await send('HEAD', '/v2/foo/manifests/latest', {}, environment)
    expect(response.status).toBe(429)
    expect(response.headers.get('Retry-After')).toBe('1')
    logged.mockRestore()
  })
})
