/** The OpenAPI document, and what all operations have in common. */
import { describe, expect, it } from 'vitest'
import { operations } from '../../../src/http/api/index.ts'
import { errorCodes, send } from '../../support/registry.ts'
import { ADMIN, basic, call, environment, failure } from './support.ts'

interface Document {
  openapi: string
  servers: { url: string }[]
  paths: Record<string, Record<string, { parameters?: { name: string; in: string }[] }>>
  components: { schemas: Record<string, unknown> }
}

async function document(env = environment, path = '/api/v1/openapi.json'): Promise<Document> {
  const response = await send('GET', path, {}, env)
  expect(response.status).toBe(200)
  return response.json<Document>()
}

describe('the OpenAPI document', () => {
  it('describes every operation, once', async () => {
    const { openapi, paths, servers } = await document()
    expect(openapi).toMatch(/^3\.1\./)
    expect(servers).toEqual([{ url: '/api/v1' }])
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    )
    expect(described.toSorted()).toEqual(
      operations.map(({ method, path }) => `${method} ${path}`).toSorted(),
    )
    expect(new Set(operations.map(({ id }) => id)).size).toBe(operations.length)
    expect(described).toHaveLength(35)
  })

  it('refers only to schemas that it has', async () => {
    const whole = await document()
    const text = JSON.stringify(whole)
    const references = [...text.matchAll(/"\$ref":"([^"]*)"/g)].map(([, reference]) => reference)
    expect(references.length).toBeGreaterThan(60)
    const names = Object.keys(whole.components.schemas)
    for (const reference of references) {
      expect(names.map((name) => `#/components/schemas/${name}`)).toContain(reference)
    }
    expect(text).not.toContain('$defs')
  })

  it('has the parameters of each path', async () => {
    const { paths } = await document()
    for (const [path, methods] of Object.entries(paths)) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      for (const { parameters = [] } of Object.values(methods)) {
        const declared = parameters.filter((one) => one.in === 'path').map(({ name }) => name)
        expect(declared).toEqual(named)
      }
    }
  })

  it('refuses unknown fields as the requests do', async () => {
    const { components } = await document()
    expect(components.schemas.createAccountBody).toMatchObject({
      type: 'object',
      required: ['name'],
      additionalProperties: false,
      properties: { password: { type: 'string', minLength: 12 } },
    })
  })

  it('is the same each time, and has the registry’s path', async () => {
    expect(await document()).toEqual(await document())
    const below = { ...environment, PUBLIC_URL: 'https://example.com/berth' }
    const { servers } = await document(below, '/berth/api/v1/openapi.json')
    expect(servers).toEqual([{ url: '/berth/api/v1' }])
  })
})

describe('every operation', () => {
  const sample = (path: string) =>
    path.replace(/\{id\}/, crypto.randomUUID()).replace(/\{\w+\}/, 'a')

  it.each(operations.map((one) => [`${one.method.toUpperCase()} ${one.path}`, one] as const))(
    '%s asks who calls, and refuses unknown parameters',
    async (_, { method, path, request }) => {
      const name = method.toUpperCase()
      expect(await failure(name, sample(path), { as: null })).toMatch(/^401 UNAUTHORIZED/)
      const wrong = { as: { user: 'admin', password: 'not the password' } }
      expect(await failure(name, sample(path), wrong)).toMatch(/^(401|429)/)
      const body = request.entries.body && {}
      expect(await failure(name, `${sample(path)}?surprise=1`, { body })).toMatch(
        /^400 REQUEST_INVALID: .*surprise: unknown field/,
      )
    },
  )

  it('accepts at most 64 KiB of JSON', async () => {
    const post = (body: string, type: string) =>
      send(
        'POST',
        '/api/v1/accounts',
        { body, headers: { Authorization: basic(ADMIN), 'Content-Type': type } },
        environment,
      )
    const long = JSON.stringify({ name: 'a', more: 'x'.repeat(64 * 1024) })
    expect((await post(long, 'application/json')).status).toBe(413)
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp']) {
      expect((await post('{"name":"a"}', type)).status).toBe(415)
    }
    expect((await post('{"name":"a"}', 'application/json; charset=utf-8')).status).toBe(201)
  })

  it.each(['n=0', 'n=1001', 'n=-1', 'n=x', 'n=1&n=2', 'last=A%20B'])(
    'refuses a page of ?%s',
    async (query) => {
      expect(await failure('GET', `/accounts?${query}`)).toMatch(/^400 REQUEST_INVALID/)
    },
  )

  it('refuses changes by pages of other origins', async () => {
    const create = (name: string, origin: string, env = environment) =>
      call('POST', '/accounts', { body: { name }, headers: { Origin: origin }, environment: env })
    expect((await create('x', 'https://evil.example')).status).toBe(403)
    expect((await create('x', 'null')).status).toBe(403)
    expect((await create('x', 'http://registry.test:81')).status).toBe(403)
    expect((await create('own', 'http://registry.test')).status).toBe(201)
    const CORS_ORIGINS = 'https://ui.example.com'
    expect((await create('ui', CORS_ORIGINS, { ...environment, CORS_ORIGINS })).status).toBe(201)
    const open = { ...environment, OPEN_ACCESS: 'true' }
    expect((await create('x', 'https://evil.example', open)).status).toBe(403)
    const read = await call('GET', '/accounts', { headers: { Origin: 'https://evil.example' } })
    expect(read.status).toBe(200)
  })

  it('is found by its path as written, and by its method', async () => {
    const get = (path: string, method = 'GET') =>
      send(method, path, { headers: { Authorization: basic(ADMIN) } }, environment)
    for (const path of [
      '/api/v1',
      '/api/v1/',
      '/api/v1/nothing',
      '/api/v1/accounts/',
      '/api/v2/accounts',
      '/api/v1/%61ccounts',
    ]) {
      const response = await get(path)
      expect(response.status, path).toBe(404)
      expect(await errorCodes(response)).toEqual(['UNSUPPORTED'])
    }
    const refused = await get('/api/v1/accounts', 'PUT')
    expect(refused.status).toBe(405)
    expect(refused.headers.get('Allow')).toBe('GET, HEAD, POST')
    expect((await get('/api/v1/accounts', 'HEAD')).status).toBe(200)
  })
})
