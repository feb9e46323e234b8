/** Known attacks on bearer tokens, and on what is exchanged for them. The corpus of bad tokens stands in test/auth. */
import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import { ADMIN, Client, NOBODY, newClient } from '../support/access-clients.ts'
import {
  base64url,
  type Forger,
  hmacSigned,
  registryForger,
  signed,
  strangerForger,
  utf8,
} from '../support/forged-tokens.ts'
import { errorCodes, pushImage } from '../support/registry.ts'

const MANIFEST = '/v2/tokens/app/manifests/latest'
const UPLOADS = '/v2/tokens/app/blobs/uploads/'
const SCOPE = 'repository:tokens/app'

let registry: Forger
let client: Client

beforeAll(async () => {
  await pushImage('tokens/app', 'latest')
  client = await newClient({ 'tokens/*': ['pull', 'push', 'delete'] })
  await client.token(`${SCOPE}:pull`)
  registry = await registryForger(env.DB)
})

function claims(change: Record<string, unknown> = {}) {
  const now = Math.floor(Date.now() / 1000)
  const times = { iat: now, nbf: now, exp: now + 300 }
  const access = [{ type: 'repository', name: 'tokens/app', actions: ['pull', 'push'] }]
  return { iss: 'berth', aud: 'berth', sub: 'admin', ...times, jti: 'x', access, ...change }
}

const header = (change: Record<string, unknown> = {}) => ({
  alg: 'ES256',
  typ: 'JWT',
  kid: registry.kid,
  ...change,
})

function bearer(token: string): Client {
  return new Client('a forger', `Bearer ${token}`)
}

async function expectRefused(token: string): Promise<void> {
  for (const [method, path] of [
    ['GET', '/v2/'],
    ['GET', MANIFEST],
    ['POST', UPLOADS],
    ['GET', '/v2/_catalog'],
    ['GET', '/api/v1/accounts'],
  ] as const) {
    const response = await bearer(token).send(method, path)
    expect(response.status, path).toBe(401)
    expect(response.headers.get('WWW-Authenticate')).toMatch(
      /^(Bearer .*error="invalid_token"|Basic )/,
    )
    expect(await errorCodes(response)).toEqual(['UNAUTHORIZED'])
  }
}

it('a token made by hand in the registry’s form is valid, so the refusals below are for the change', async () => {
  const token = await signed(registry, header(), claims())
  expect((await bearer(token).send('GET', MANIFEST)).status).toBe(200)
  expect((await bearer(token).send('POST', UPLOADS)).status).toBe(202)
})

describe('CVE-2025-24976 (distribution): a key in the header', () => {
  it.each([
    ['jwk', (own: Forger) => ({ jwk: own.publicJwk })],
    [
      'jwk that claims the kid',
      (own: Forger) => ({ jwk: { ...own.publicJwk, kid: registry.kid } }),
    ],
    ['jku', () => ({ jku: 'https://attacker.example/keys' })],
    ['x5c', (own: Forger) => ({ x5c: [own.spki.toBase64()] })],
    ['x5u', () => ({ x5u: 'https://attacker.example/chain' })],
    ['crit', () => ({ crit: ['exp'] })],
    ['nothing but the kid', () => ({})],
  ])('%s is not used as a key', async (_, extra) => {
    const own = await strangerForger(registry.kid)
    await expectRefused(await signed(own, header(extra(own)), claims()))
  })
})

describe('Hono CVE-2026-22817: the algorithm that the token names', () => {
  it.each(['HS256', 'hs256', 'ES256', 'HS512'])(
    'is not HMAC with the public key: %s',
    async (alg) => {
      for (const secret of [
        registry.spki,
        utf8(`-----BEGIN PUBLIC KEY-----\n${registry.spki.toBase64()}\n-----END PUBLIC KEY-----\n`),
        utf8(JSON.stringify(registry.publicJwk)),
        utf8(registry.kid),
        new Uint8Array(32),
      ]) {
        const bits = alg === 'HS512' ? '512' : '256'
        await expectRefused(await hmacSigned(bits, secret, header({ alg }), claims()))
      }
    },
  )

  it.each(['none', 'None', 'NONE', '', 'ES384', 'ES256K', 'EdDSA', 'RS256'])(
    'is not "%s"',
    async (alg) => {
      const good = await signed(registry, header(), claims())
      const [, payload = '', signature = ''] = good.split('.')
      const head = base64url(utf8(JSON.stringify(header({ alg }))))
      for (const last of ['', signature, base64url(new Uint8Array(64))]) {
        await expectRefused(`${head}.${payload}.${last || 'AA'}`)
        const response = await bearer(`${head}.${payload}.${last}`).send('GET', MANIFEST)
        expect(response.status).toBe(401)
      }
    },
  )
})

describe('Hono CVE-2026-47673: any scheme is accepted as Bearer', () => {
  it.each(['Basic', 'Digest', 'Token', 'JWT', 'Bearerr', 'Negotiate', 'OAuth', 'X', ''])(
    '"%s" with a good token is refused',
    async (scheme) => {
      const token = await client.token(`${SCOPE}:pull`)
      for (const path of ['/v2/', MANIFEST]) {
        const stranger = new Client('a stranger', `${scheme} ${token}`.trim())
        expect((await stranger.send('GET', path)).status).toBe(401)
      }
    },
  )

  it('Bearer in any case is Bearer', async () => {
    const token = await client.token(`${SCOPE}:pull`)
    for (const scheme of ['bearer', 'BEARER', 'Bearer']) {
      expect((await new Client('', `${scheme} ${token}`).send('GET', MANIFEST)).status).toBe(200)
    }
  })

  it.each(['access_token', 'token', 'authorization'])(
    'no token is read from ?%s=',
    async (name) => {
      const token = await client.token(`${SCOPE}:pull`)
      expect((await NOBODY.send('GET', `${MANIFEST}?${name}=${token}`)).status).toBe(401)
    },
  )
})

describe('serverless-registry: an audience that is set but not checked', () => {
  it.each(['other', 'berth/refresh', '', ['berth'], ['berth', 'other'], null, undefined])(
    'a token for %j is refused',
    async (aud) => {
      await expectRefused(await signed(registry, header(), claims({ aud })))
    },
  )

  it.each(['refresh+jwt', 'at+jwt', 'jose', '', null, undefined])(
    'a token of the type %j is refused, with the right audience, too',
    async (typ) => {
      await expectRefused(await signed(registry, header({ typ }), claims()))
    },
  )

  it('a refresh token is not accepted as a bearer token, nor the other way round', async () => {
    const path = '/token?offline_token=true'
    const { refresh_token: refresh, token } = await (await client.send('GET', path)).json<{
      refresh_token: string
      token: string
    }>()
    await expectRefused(refresh)
    const body = `grant_type=refresh_token&refresh_token=${token}&scope=${SCOPE}:pull`
    const type = { 'Content-Type': 'application/x-www-form-urlencoded' }
    expect((await NOBODY.send('POST', '/token', type, body)).status).toBe(401)
  })
})

describe('serverless-registry: tokens without a repository, and a push right that deletes', () => {
  it('a token is valid only for its repository and its actions', async () => {
    await pushImage('tokens/other', 'latest')
    const pull = await client.bearing(`${SCOPE}:pull`)
    expect((await pull.send('GET', MANIFEST)).status).toBe(200)
    expect((await pull.send('GET', '/v2/tokens/other/manifests/latest')).status).toBe(401)
    const push = await client.bearing(`${SCOPE}:push`)
    expect((await push.send('POST', UPLOADS)).status).toBe(202)
    expect((await push.send('DELETE', MANIFEST)).status).toBe(401)
    expect((await push.send('GET', MANIFEST)).status).toBe(401)
    expect((await ADMIN.send('GET', MANIFEST)).status).toBe(200)
  })
})
