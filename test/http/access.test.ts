/** Who gets in: everybody where the registry is open, those who prove who they are, or nobody yet; and what those outside learn. */
import { beforeAll, describe, expect, it } from 'vitest'
import type { Env } from '../../src/http/middleware/context.ts'
import {
  bindings,
  type ErrorBody,
  errorCodes,
  type PushedImage,
  pushImage,
  send,
} from '../support/registry.ts'

const PASSWORD = 'correct horse: b\u00e4ttery'
const UNKNOWN = `sha256:${'0'.repeat(64)}`
const CATALOG = 'registry:catalog:*'
const PULL = 'repository:private/app:pull'
const PUSH = 'repository:private/app:pull,push'
const DELETE = 'repository:private/app:delete'

/** Without OPEN_ACCESS, as a deployed Worker is. */
function closed(variables: Partial<Env> = {}): Env {
  const { OPEN_ACCESS: _, ...rest } = bindings
  return { ...rest, ...variables }
}

// More wrong passwords than one client may try in a row are tried here.
const locked = closed({ ADMIN_PASSWORD: PASSWORD, LOGIN_FAILURES_MAX: '1000' })
const unset = closed()

function basic(user: string, password: string): string {
  const bytes = new TextEncoder().encode(`${user}:${password}`)
  return `Basic ${bytes.toBase64()}`
}

let image: PushedImage

beforeAll(async () => {
  image = await pushImage('private/app', 'latest')
})

/** Every route that needs a right, on what is there and on what is not, and the scope that a token needs. */
const ROUTES: [method: string, path: () => string, scope: string][] = [
  ['GET', () => '/v2/', ''],
  ['GET', () => '/v2', ''],
  ['GET', () => '/v2/_catalog', CATALOG],
  ['GET', () => '/v2/_catalog?n=-1', CATALOG],
  ['GET', () => '/v2/private/app/tags/list', PULL],
  ['GET', () => '/v2/private/none/tags/list', 'repository:private/none:pull'],
  ['GET', () => '/v2/private/app/manifests/latest', PULL],
  ['HEAD', () => '/v2/private/app/manifests/latest', PULL],
  ['GET', () => '/v2/private/app/manifests/none', PULL],
  ['GET', () => '/v2/private/app/manifests/.x', PULL],
  ['GET', () => `/v2/private/app/manifests/${image.digest}`, PULL],
  ['GET', () => `/v2/private/app/blobs/${image.layer.digest}`, PULL],
  ['HEAD', () => `/v2/private/app/blobs/${image.layer.digest}`, PULL],
  ['GET', () => `/v2/private/app/blobs/${UNKNOWN}`, PULL],
  ['GET', () => `/v2/private/app/referrers/${image.digest}`, PULL],
  ['PUT', () => '/v2/private/app/manifests/latest', PUSH],
  ['DELETE', () => '/v2/private/app/manifests/latest', DELETE],
  ['DELETE', () => `/v2/private/app/manifests/${image.digest}`, DELETE],
  ['DELETE', () => `/v2/private/app/blobs/${image.layer.digest}`, DELETE],
  ['POST', () => '/v2/private/app/blobs/uploads/', PUSH],
  [
    'POST',
    () => `/v2/private/app/blobs/uploads/?mount=${image.layer.digest}`,
    `${PUSH} ${CATALOG}`,
  ],
  [
    'POST',
    () => `/v2/private/app/blobs/uploads/?mount=${image.layer.digest}&from=private%2Fother`,
    `${PUSH} repository:private/other:pull`,
  ],
  ['POST', () => `/v2/private/app/blobs/uploads/?mount=${image.layer.digest}&from=a"b`, PUSH],
  ['POST', () => `/v2/private/app/blobs/uploads/?digest=${UNKNOWN}`, PUSH],
  ['GET', () => '/v2/private/app/blobs/uploads/x', PUSH],
  ['PATCH', () => '/v2/private/app/blobs/uploads/x', PUSH],
  ['PUT', () => '/v2/private/app/blobs/uploads/x', PUSH],
  ['DELETE', () => '/v2/private/app/blobs/uploads/x', PUSH],
]

const PUBLIC = ['/', '/healthz', '/readyz']

describe('an open registry', () => {
  it('requires no login', async () => {
    expect((await send('GET', '/v2/private/app/manifests/latest')).status).toBe(200)
    const headers = { Authorization: basic('any', 'body') }
    expect((await send('GET', '/v2/_catalog', { headers })).status).toBe(200)
  })
})

describe('a registry with an administrator', () => {
  it.each(ROUTES)(
    'answers 401 and nothing else to %s %o, scope %s',
    async (method, path, scope) => {
      const response = await send(method, path(), {}, locked)
      expect(response.status).toBe(401)
      const endpoint = 'Bearer realm="http://registry.test/token",service="berth"'
      expect(response.headers.get('WWW-Authenticate')).toBe(
        scope === '' ? endpoint : `${endpoint},scope="${scope}"`,
      )
      for (const name of ['ETag', 'Docker-Content-Digest', 'Link', 'Location', 'Allow']) {
        expect(response.headers.has(name)).toBe(false)
      }
      if (method === 'HEAD') expect(await response.text()).toBe('')
      else {
        const { errors } = await response.json<ErrorBody>()
        expect(errors).toMatchObject([{ code: 'UNAUTHORIZED', message: 'authentication required' }])
      }
    },
  )

  it('names the missing access, as docker/distribution does', async () => {
    const response = await send('PUT', '/v2/private/app/manifests/latest', {}, locked)
    const { errors } = await response.json<ErrorBody>()
    expect(errors[0]?.detail).toEqual([
      { Type: 'repository', Name: 'private/app', Action: 'pull' },
      { Type: 'repository', Name: 'private/app', Action: 'push' },
    ])
  })

  it.each(ROUTES)('asks for Basic with CHALLENGE=basic: %s %o', async (method, path) => {
    const response = await send(method, path(), {}, { ...locked, CHALLENGE: 'basic' })
    expect(response.status).toBe(401)
    expect(response.headers.get('WWW-Authenticate')).toBe('Basic realm="berth", charset="UTF-8"')
  })

  it.each([
    ['another password', () => basic('admin', 'wrong horse battery')],
    ['the password cut short', () => basic('admin', PASSWORD.slice(0, -1))],
    ['the password and more', () => basic('admin', `${PASSWORD} `)],
    ['no password', () => basic('admin', '')],
    ['another user', () => basic('root', PASSWORD)],
    ['the user in another case', () => basic('Admin', PASSWORD)],
    ['no user', () => basic('', PASSWORD)],
    ['the password in Latin-1', () => `Basic ${btoa(`admin:${PASSWORD}`)}`],
    ['another scheme', () => basic('admin', PASSWORD).replace('Basic', 'Bearer')],
    ['no scheme', () => basic('admin', PASSWORD).slice('Basic '.length)],
    ['no colon', () => `Basic ${btoa('admin')}`],
    ['what is no base64', () => 'Basic !!!'],
    ['nothing behind the scheme', () => 'Basic '],
    ['an empty header', () => ''],
  ])('refuses %s', async (_, authorization) => {
    const headers = { Authorization: authorization() }
    for (const path of ['/v2/', '/v2/private/app/manifests/latest']) {
      const response = await send('GET', path, { headers }, locked)
      expect(response.status).toBe(401)
      expect(await errorCodes(response)).toEqual(['UNAUTHORIZED'])
    }
  })

  it.each(['Basic', 'basic', 'BASIC'])('lets %s admin do everything', async (scheme) => {
    const headers = { Authorization: basic('admin', PASSWORD).replace('Basic', scheme) }
    for (const path of ['/v2/', '/v2/_catalog', '/v2/private/app/manifests/latest']) {
      expect((await send('GET', path, { headers }, locked)).status).toBe(200)
    }
    const begun = await send('POST', '/v2/private/app/blobs/uploads/', { headers }, locked)
    expect(begun.status).toBe(202)
  })

  it('does not reveal to strangers whether deletes are enabled', async () => {
    const path = `/v2/private/app/manifests/${image.digest}`
    const response = await send('DELETE', path, {}, { ...locked, DELETE_ENABLED: 'false' })
    expect(response.status).toBe(401)
  })
})

describe('a registry without any credentials', () => {
  it.each(ROUTES)('is not open by accident: 503 to %s %o', async (method, path) => {
    const headers = { Authorization: basic('admin', '') }
    for (const init of [{}, { headers }]) {
      const response = await send(method, path(), init, unset)
      expect(response.status).toBe(503)
      expect(response.headers.has('WWW-Authenticate')).toBe(false)
      if (method !== 'HEAD') expect(await errorCodes(response)).toEqual(['UNAVAILABLE'])
    }
  })

  it('says what to set', async () => {
    const response = await send('GET', '/v2/', {}, unset)
    expect(await response.text()).toContain('ADMIN_PASSWORD')
  })
})

describe('probes', () => {
  it.each(PUBLIC)('%s need no credentials', async (path) => {
    for (const environment of [locked, unset, bindings]) {
      expect((await send('GET', path, {}, environment)).status).toBe(200)
    }
  })
})

describe('a bearer token that does not allow it', () => {
  async function told(authorization?: string): Promise<string> {
    const login = authorization === undefined ? {} : { Authorization: authorization }
    const answer = await send(
      'GET',
      '/token?scope=repository:none:pull',
      { headers: login },
      locked,
    )
    const { token } = await answer.json<{ token: string }>()
    const headers = { Authorization: `Bearer ${token}` }
    const refused = await send('GET', '/v2/private/app/tags/list', { headers }, locked)
    expect(refused.status).toBe(401)
    const { errors } = await refused.json<ErrorBody>()
    return errors.map(({ message }) => message).join()
  }

  it('tells anonymous callers to log in, and others to request the scope', async () => {
    expect(await told()).toBe('log in to do this')
    expect(await told(basic('admin', PASSWORD))).toMatch(/^the bearer token .*: request one/)
  })
})
