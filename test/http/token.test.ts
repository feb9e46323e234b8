/** The token endpoint: the requests of docker, containerd and podman, and of CI jobs; and that what it gives out opens routes. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { hashPassword } from '../../src/auth/login/passwords.ts'
import type { Env } from '../../src/http/middleware/context.ts'
import { grant, newAccount, newToken, PASSWORD } from '../auth/login-support.ts'
import { type Forger, signed, strangerForger } from '../support/forged-tokens.ts'
import { bindings, errorCodes, pushImage, send } from '../support/registry.ts'

const ADMIN_PASSWORD = 'the administrator, really'
const { OPEN_ACCESS: _, ...closed } = bindings
const locked: Env = { ...closed, ADMIN_PASSWORD, LOGIN_FAILURES_MAX: '1000' }

const FORM = 'application/x-www-form-urlencoded'
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token'
const JWT = 'urn:ietf:params:oauth:token-type:jwt'
const ISSUER = 'https://ci.test'

interface Access {
  type: string
  name: string
  actions: string[]
}

interface Reply {
  token: string
  access_token: string
  expires_in: number
  issued_at: string
  refresh_token?: string
  scope?: string
  token_type?: string
  issued_token_type?: string
}

let issuer: Forger
let user: string

beforeAll(async () => {
  await pushImage('team/app', 'latest')
  await pushImage('secret/app', 'latest')
  await pushImage('public/app', 'latest')
  user = await newAccount()
  await grant('account', user, 'team/*', 'pull', 'push')
  await grant('account', user, 'drop/*', 'create')
  await grant('anonymous', '', 'public/*', 'pull')
  issuer = await strangerForger('ci-key')
  await env.DB.prepare(
    `INSERT INTO trust_rules (name, issuer, audience, claims, created_at)
     VALUES ('ci', ?, 'berth', '{"ref":"refs/heads/main"}', 0)`,
  )
    .bind(ISSUER)
    .run()
  await grant('trust', 'ci', 'ci/**', 'push')
})

afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

function basic(name: string, password: string): string {
  return `Basic ${new TextEncoder().encode(`${name}:${password}`).toBase64()}`
}

function get(query: string, authorization?: string, environment = locked): Promise<Response> {
  const headers = authorization === undefined ? {} : { Authorization: authorization }
  return send('GET', `/token${query}`, { headers }, environment)
}

function post(form: Record<string, string> | string, environment = locked): Promise<Response> {
  const body = typeof form === 'string' ? form : new URLSearchParams(form).toString()
  return send('POST', '/token', { body, headers: { 'Content-Type': FORM } }, environment)
}

async function replyOf(response: Response): Promise<Reply> {
  const reply = await response.json<Reply>()
  expect(reply).toHaveProperty('token')
  expect(response.status).toBe(200)
  return reply
}

function claimsOf({ token }: Reply) {
  const bytes = Uint8Array.fromBase64(token.split('.')[1] ?? '', { alphabet: 'base64url' })
  const claims: { sub: string; access: Access[]; visible?: string[] } = JSON.parse(
    new TextDecoder().decode(bytes),
  )
  return claims
}

function scopesOf(reply: Reply): string {
  const { access } = claimsOf(reply)
  return access.map(({ type, name, actions }) => `${type}:${name}:${actions}`).join(' ')
}

async function statusWith({ token }: Reply, method: string, path: string): Promise<number> {
  const headers = { Authorization: `Bearer ${token}` }
  return (await send(method, path, { headers }, locked)).status
}

describe('GET', () => {
  it('answers docker login, whose token opens /v2/', async () => {
    const query = `?account=${user}&client_id=docker&offline_token=true&service=berth`
    const response = await get(query, basic(user, PASSWORD))
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    expect(response.headers.get('Content-Type')).toMatch(/^application\/json/)
    const reply = await replyOf(response)
    expect(Object.keys(reply)).toEqual([
      'token',
      'access_token',
      'expires_in',
      'issued_at',
      'refresh_token',
    ])
    expect(reply.access_token).toBe(reply.token)
    expect(reply.expires_in).toBe(900)
    expect(Math.abs(Date.parse(reply.issued_at) - Date.now())).toBeLessThan(5000)
    expect(claimsOf(reply)).toMatchObject({ sub: user, access: [] })
    expect(await statusWith(reply, 'GET', '/v2/')).toBe(200)
  })

  it('keeps to TOKEN_TTL_SECONDS', async () => {
    const response = await get('', basic(user, PASSWORD), { ...locked, TOKEN_TTL_SECONDS: '120' })
    expect((await replyOf(response)).expires_in).toBe(120)
  })

  it.each<[string, string, string]>([
    ['one scope', '?scope=repository:team/app:pull', 'repository:team/app:pull'],
    [
      'the order of docker',
      '?scope=repository:team/app:push,pull',
      'repository:team/app:pull,push',
    ],
    [
      'a scope for each repository',
      '?scope=repository:team/a:pull&scope=repository:team/b:push',
      'repository:team/a:pull repository:team/b:push',
    ],
    [
      'several in one',
      '?scope=repository:team/a:pull+repository:team/b:push',
      'repository:team/a:pull repository:team/b:push',
    ],
    ['encoded', '?scope=repository%3Ateam%2Fa%3Apull%2Cpush', 'repository:team/a:pull,push'],
    ['less', '?scope=repository:team/app:*', 'repository:team/app:pull,push'],
    ['create for push', '?scope=repository:drop/app:pull,push', 'repository:drop/app:create'],
    [
      'not the source of a mount',
      '?scope=repository:team/a:pull,push&scope=repository:secret/app:pull',
      'repository:team/a:pull,push',
    ],
    ['what everybody may', '?scope=repository:public/app:pull,push', 'repository:public/app:pull'],
    ['nothing', '?scope=repository:secret/app:pull', ''],
    ['nothing for nonsense', '?scope=%00&scope=:::&scope=', ''],
    ['nothing unasked', '', ''],
  ])('grants %s', async (_, query, expected) => {
    expect(scopesOf(await replyOf(await get(query, basic(user, PASSWORD))))).toBe(expected)
  })

  it('gives tokens that allow what they say, and nothing else', async () => {
    const reply = await replyOf(await get('?scope=repository:team/app:pull', basic(user, PASSWORD)))
    expect(await statusWith(reply, 'GET', '/v2/team/app/manifests/latest')).toBe(200)
    expect(await statusWith(reply, 'GET', '/v2/secret/app/manifests/latest')).toBe(401)
    expect(await statusWith(reply, 'POST', '/v2/team/app/blobs/uploads/')).toBe(401)
    expect(await statusWith(reply, 'DELETE', '/v2/team/app/manifests/latest')).toBe(401)
    expect(await statusWith(reply, 'GET', '/v2/_catalog')).toBe(401)
  })

  it('gives tokens of less than 4 KB, with the rights that their account has when they are used', async () => {
    const owner = await newAccount()
    const many = Array.from({ length: 300 }, (_, n) => `large-${n}/with-a-long-name/**`)
    await Promise.all(many.map((pattern) => grant('account', owner, pattern, 'pull', 'push')))
    await grant('account', owner, 'team/*', 'pull', 'push', 'delete')
    const asked = (action: string, count: number) =>
      Array.from(
        { length: count },
        (_, n) => `&scope=repository:large-${n}/with-a-long-name/app:${action}`,
      ).join('')
    const lists = '&scope=registry:catalog:*'
    const pullers = `?scope=repository:team/app:pull${asked('pull', 98)}${lists}`
    const reply = await replyOf(await get(pullers, basic(owner, PASSWORD)))
    expect(reply.token.length).toBeLessThan(4096)
    expect(await statusWith(reply, 'GET', '/v2/team/app/manifests/latest')).toBe(200)
    expect(await statusWith(reply, 'GET', '/v2/secret/app/manifests/latest')).toBe(401)
    // No action that was not asked for, and no administration.
    expect(await statusWith(reply, 'POST', '/v2/team/app/blobs/uploads/')).toBe(401)
    expect(await statusWith(reply, 'DELETE', '/v2/team/app/manifests/absent')).toBe(401)
    expect(await statusWith(reply, 'GET', '/api/v1/account')).toBe(401)

    const lister = await replyOf(
      await get(`?scope=repository:team/app:pull${lists}`, basic(owner, PASSWORD)),
    )
    expect(lister.token.length).toBeLessThan(4096)
    const listed = await send(
      'GET',
      '/v2/_catalog',
      { headers: { Authorization: `Bearer ${lister.token}` } },
      locked,
    )
    expect(await listed.json()).toEqual({ repositories: ['public/app', 'team/app'] })
    expect(await statusWith(lister, 'GET', '/v2/large-1/with-a-long-name/app/tags/list')).toBe(401)

    await env.DB.prepare(`DELETE FROM grants WHERE principal = ? AND pattern = 'team/*'`)
      .bind(owner)
      .run()
    expect(await statusWith(reply, 'GET', '/v2/team/app/manifests/latest')).toBe(401)
    await env.DB.prepare('UPDATE accounts SET session = session + 1 WHERE name = ?')
      .bind(owner)
      .run()
    expect(await statusWith(reply, 'GET', '/v2/')).toBe(401)
  })

  it('gives tokens for lists of what the caller may pull', async () => {
    const list = async (authorization?: string) => {
      const reply = await replyOf(await get('?scope=registry:catalog:*', authorization))
      const headers = { Authorization: `Bearer ${reply.token}` }
      const response = await send('GET', '/v2/_catalog', { headers }, locked)
      return (await response.json<{ repositories: string[] }>()).repositories
    }
    expect(await list(basic('admin', ADMIN_PASSWORD))).toEqual([
      'public/app',
      'secret/app',
      'team/app',
    ])
    expect(await list(basic(user, PASSWORD))).toEqual(['public/app', 'team/app'])
    expect(await list()).toEqual(['public/app'])
  })

  it.each<[string, string | undefined]>([
    ['no credentials', undefined],
    ['an empty user', basic('', '')],
    ['an empty user with a password', basic('', 'x')],
  ])('treats %s as anonymous', async (_, authorization) => {
    const query = '?offline_token=true&scope=repository:public/app:pull,push'
    const reply = await replyOf(await get(query, authorization))
    expect(claimsOf(reply).sub).toBe('')
    expect(scopesOf(reply)).toBe('repository:public/app:pull')
    expect(reply).not.toHaveProperty('refresh_token')
    expect(await statusWith(reply, 'GET', '/v2/public/app/manifests/latest')).toBe(200)
    expect(await statusWith(reply, 'GET', '/v2/team/app/manifests/latest')).toBe(401)
  })

  it('accepts an access token as a password', async () => {
    const { id, secret } = await newToken(user)
    const query = '?scope=repository:team/app:pull'
    const reply = await replyOf(await get(query, basic(user, secret)))
    expect(claimsOf(reply)).toMatchObject({ sub: `${user}/${id}` })
    expect(scopesOf(reply)).toBe('repository:team/app:pull')
    expect((await get(query, basic('somebody-else', secret))).status).toBe(401)
  })

  it.each<[string, () => string]>([
    ['a wrong password', () => basic(user, 'not the password')],
    ['an unknown user', () => basic('nobody-at-all', PASSWORD)],
    ['no password', () => basic(user, '')],
    ['what is no ID token', () => basic('oidc', PASSWORD)],
    ['Bearer', () => 'Bearer x.y.z'],
    ['another scheme', () => 'Digest x'],
    ['no base64', () => 'Basic !'],
    ['an empty header', () => ''],
  ])('answers 401 to %s, with a challenge that goes nowhere else', async (_, authorization) => {
    vi.spyOn(console, 'log').mockImplementation(() => undefined)
    const response = await get('?scope=repository:public/app:pull', authorization())
    expect(response.status).toBe(401)
    expect(response.headers.get('WWW-Authenticate')).toBe('Basic realm="berth", charset="UTF-8"')
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    const body = await response.json<{ errors: { code: string }[]; error: string }>()
    expect(body.errors.map(({ code }) => code)).toEqual(['UNAUTHORIZED'])
    expect(body.error).toBe('invalid_grant')
  })

  it('answers 429 after too many wrong passwords, to the right one too', async () => {
    const password = 'a password nobody used yet'
    const name = await newAccount(await hashPassword(password))
    const strict = { ...locked, LOGIN_FAILURES_MAX: '2' }
    const attempt = (tried: string) => get('', basic(name, tried), strict)
    for (let times = 0; times < 2; times += 1) expect((await attempt('wrong')).status).toBe(401)
    const response = await attempt(password)
    expect(response.status).toBe(429)
    expect(Number(response.headers.get('Retry-After'))).toBeGreaterThan(0)
    expect(await errorCodes(response)).toEqual(['TOOMANYREQUESTS'])
  })

  it('issues no token for another service', async () => {
    const response = await get('?service=registry.example.com', basic(user, PASSWORD))
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: 'invalid_target' })
    expect((await get('?service=', basic(user, PASSWORD))).status).toBe(200)
    const named = { ...locked, TOKEN_SERVICE: 'registry.example.com' }
    expect((await get('?service=registry.example.com', undefined, named)).status).toBe(200)
    expect((await get('?service=berth', undefined, named)).status).toBe(400)
  })
})

describe('a registry that issues no tokens', () => {
  const tokenAuth = JSON.stringify({
    realm: 'https://auth.test/token',
    service: 'registry.test',
    issuer: 'auth.test',
    jwks: {
      keys: [
        {
          kty: 'EC',
          crv: 'P-256',
          kid: 'x',
          x: 'm7zUpx3b-zmVE5cymSs64POG9QcyEpJaYCD82-549_Q',
          y: 'dU3biz8sZ_8GPB-odm8Wxz3lNDr1xcAQQPQaOcr1fmc',
        },
      ],
    },
  })
  it.each<[string, Partial<Env>, number, string]>([
    ['an open registry', { OPEN_ACCESS: 'true' }, 404, 'UNSUPPORTED'],
    ['an external token service', { ADMIN_PASSWORD, TOKEN_AUTH: tokenAuth }, 404, 'UNSUPPORTED'],
  ])('says so: %s', async (_, variables, status, code) => {
    const environment = { ...closed, ...variables }
    for (const response of [
      await get('', undefined, environment),
      await post({ grant_type: 'password', username: 'a', password: 'b' }, environment),
    ]) {
      expect(response.status).toBe(status)
      expect(response.headers.has('WWW-Authenticate')).toBe(false)
      expect(await errorCodes(response)).toEqual([code])
    }
  })

  it('refuses other methods', async () => {
    for (const method of ['PUT', 'PATCH', 'DELETE']) {
      const response = await send(method, '/token', {}, locked)
      expect(response.status).toBe(405)
      expect(response.headers.get('Allow')).toBe('GET, HEAD, POST')
    }
  })
})

describe('POST', () => {
  it('answers containerd', async () => {
    const response = await post({
      client_id: 'containerd-client',
      grant_type: 'password',
      password: PASSWORD,
      scope: 'repository:team/ctr:pull repository:team/ctr:pull,push',
      service: 'berth',
      username: user,
    })
    expect(response.headers.get('Cache-Control')).toBe('no-store')
    const reply = await replyOf(response)
    expect(reply).toMatchObject({
      expires_in: 900,
      token_type: 'Bearer',
      scope: 'repository:team/ctr:pull,push',
    })
    expect(reply).not.toHaveProperty('refresh_token')
    expect(scopesOf(reply)).toBe('repository:team/ctr:pull,push')
    expect(await statusWith(reply, 'POST', '/v2/team/ctr/blobs/uploads/')).toBe(202)
  })

  it('issues a refresh token, and accepts it until the password changes', async () => {
    const name = await newAccount()
    await grant('account', name, 'team/*', 'pull')
    const password = { grant_type: 'password', username: name, password: PASSWORD }
    const first = await replyOf(await post({ ...password, access_type: 'offline' }))
    const refresh = {
      grant_type: 'refresh_token',
      refresh_token: first.refresh_token ?? '',
      client_id: 'docker',
      service: 'berth',
      scope: 'repository:team/app:pull,push',
    }
    const reply = await replyOf(await post(refresh))
    expect(claimsOf(reply).sub).toBe(name)
    expect(reply.scope).toBe('repository:team/app:pull')
    expect(await statusWith(reply, 'GET', '/v2/team/app/manifests/latest')).toBe(200)
    // It opens no route itself.
    const misused = { ...reply, token: refresh.refresh_token }
    expect(await statusWith(misused, 'GET', '/v2/')).toBe(401)

    await env.DB.prepare('UPDATE accounts SET disabled = 1 WHERE name = ?').bind(name).run()
    const refused = await post(refresh)
    expect(refused.status).toBe(401)
    expect(await refused.json()).toMatchObject({
      errors: [{ code: 'UNAUTHORIZED' }],
      error: 'invalid_grant',
      error_description: 'the refresh token is not valid',
    })
  })

  it.each<[string, Record<string, string> | string, number, string]>([
    ['nothing', '', 400, 'invalid_request'],
    ['no grant_type', { username: 'a', password: 'b' }, 400, 'invalid_request'],
    ['another grant_type', { grant_type: 'client_credentials' }, 400, 'unsupported_grant_type'],
    ['no username', { grant_type: 'password', password: 'b' }, 400, 'invalid_request'],
    ['no password', { grant_type: 'password', username: 'a' }, 400, 'invalid_request'],
    ['no refresh_token', { grant_type: 'refresh_token' }, 400, 'invalid_request'],
    [
      'a parameter twice',
      'grant_type=password&username=a&username=b&password=c',
      400,
      'invalid_request',
    ],
    ['no subject_token', { grant_type: EXCHANGE, subject_token_type: JWT }, 400, 'invalid_request'],
    ['no subject_token_type', { grant_type: EXCHANGE, subject_token: 'x' }, 400, 'invalid_request'],
    [
      'another subject_token_type',
      { grant_type: EXCHANGE, subject_token: 'x', subject_token_type: 'saml2' },
      400,
      'invalid_request',
    ],
    [
      'an actor',
      { grant_type: EXCHANGE, subject_token: 'x', subject_token_type: JWT, actor_token: 'y' },
      400,
      'invalid_request',
    ],
    [
      'another audience',
      { grant_type: EXCHANGE, subject_token: 'x', subject_token_type: JWT, audience: 'other' },
      400,
      'invalid_target',
    ],
    [
      'a wrong password',
      { grant_type: 'password', username: 'admin', password: 'wrong' },
      401,
      'invalid_grant',
    ],
    [
      'a refresh token of nobody',
      { grant_type: 'refresh_token', refresh_token: 'x.y.z' },
      401,
      'invalid_grant',
    ],
    ['64 KiB and more', `grant_type=password&x=${'x'.repeat(65_536)}`, 413, 'invalid_request'],
    ['bytes that are no form', '\u0000\u00ff%zz%', 400, 'invalid_request'],
  ])('refuses %s', async (_, form, status, error) => {
    const response = await post(form)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({
      errors: [{ code: status === 401 ? 'UNAUTHORIZED' : 'UNSUPPORTED' }],
      error,
      // RFC 6749, 5.2.
      error_description: expect.stringMatching(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/),
    })
  })

  it.each(['application/json', 'multipart/form-data; boundary=x', 'text/plain', ''])(
    'refuses a body of type %j',
    async (type) => {
      const body = new TextEncoder().encode('grant_type=password&username=a&password=b')
      const headers: Record<string, string> = type === '' ? {} : { 'Content-Type': type }
      const response = await send('POST', '/token', { body, headers }, locked)
      expect(response.status).toBe(415)
    },
  )

  it('accepts a content type with a character set', async () => {
    const body = `grant_type=password&username=${user}&password=${encodeURIComponent(PASSWORD)}`
    const headers = { 'Content-Type': 'Application/X-WWW-Form-Urlencoded; charset=utf-8' }
    const response = await send('POST', '/token', { body, headers }, locked)
    expect(claimsOf(await replyOf(response)).sub).toBe(user)
  })
})

describe('an ID token', () => {
  function publish(): void {
    vi.spyOn(console, 'log').mockImplementation(() => undefined)
    const jwks_uri = `${ISSUER}/jwks`
    const key = { ...issuer.publicJwk, kid: issuer.kid, alg: 'ES256', use: 'sig' }
    const answers: Record<string, object> = {
      [`${ISSUER}/.well-known/openid-configuration`]: { issuer: ISSUER, jwks_uri },
      [jwks_uri]: { keys: [key] },
    }
    vi.stubGlobal('fetch', async (url: string) => Response.json(answers[url] ?? {}))
  }

  function idToken(ref: string): Promise<string> {
    const now = Math.floor(Date.now() / 1000)
    const times = { iat: now, nbf: now, exp: now + 300 }
    const claims = { iss: ISSUER, aud: 'berth', sub: 'repo:octo/app', ref, ...times }
    return signed(issuer, { alg: 'ES256', typ: 'JWT', kid: issuer.kid }, claims)
  }

  const scope = 'repository:ci/app:pull,push'

  it.each<[string, (token: string) => Promise<Response>]>([
    [
      'is a password of oidc',
      (token) => get(`?offline_token=true&scope=${scope}`, basic('oidc', token)),
    ],
    [
      'is one in a form, too',
      (token) => post({ grant_type: 'password', username: 'oidc', password: token, scope }),
    ],
    [
      'is exchanged',
      (token) =>
        post({ grant_type: EXCHANGE, subject_token: token, subject_token_type: ID_TOKEN, scope }),
    ],
    [
      'is exchanged as a JWT',
      (token) =>
        post({
          grant_type: EXCHANGE,
          subject_token: token,
          subject_token_type: JWT,
          scope,
          audience: 'berth',
        }),
    ],
  ])('%s', async (_, ask) => {
    publish()
    const reply = await replyOf(await ask(await idToken('refs/heads/main')))
    expect(claimsOf(reply).sub).toBe('oidc:ci.test:repo:octo/app')
    expect(scopesOf(reply)).toBe('repository:ci/app:push')
    expect(reply).not.toHaveProperty('refresh_token')
    expect(await statusWith(reply, 'POST', '/v2/ci/app/blobs/uploads/')).toBe(202)

    const refused = await ask(await idToken('refs/heads/other'))
    expect(refused.status).toBe(401)
    expect(await refused.json()).toMatchObject({ error: 'invalid_grant' })
  })

  it('is exchanged as RFC 8693 says', async () => {
    publish()
    const token = await idToken('refs/heads/main')
    const form = { grant_type: EXCHANGE, subject_token: token, subject_token_type: ID_TOKEN }
    expect(await replyOf(await post(form))).toMatchObject({
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      token_type: 'Bearer',
      scope: '',
    })
  })
})
