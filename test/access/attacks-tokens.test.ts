/** Known attacks on bearer tokens, and on what is exchanged for them. The corpus of bad tokens stands in test/auth. */
import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import { ADMIN, Client, NOBODY, newClient } from '../support/access-clients.ts'
import { administer, closed, PASSWORD } from '../support/access-world.ts'
import {
  base64url,
  type Forger,
  hmacSigned,
  registryForger,
  signed,
  strangerForger,
  utf8,
} from '../support/forged-tokens.ts'
import { errorCodes, pushImage, send } from '../support/registry.ts'

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

it('a token made by hand as the registry makes it is good, so that it is the change that is refused', async () => {
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
  ])('%s does not make a key of it', async (_, extra) => {
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

describe('Hono CVE-2026-47673: any scheme is taken for Bearer', () => {
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

  it('a refresh token is no bearer token, nor a bearer token a refresh token', async () => {
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
  it('a token is for its repository and its actions alone', async () => {
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

function actionsOf(token: string): string[] {
  const payload = token.split('.')[1] ?? ''
  const text = new TextDecoder().decode(Uint8Array.fromBase64(payload, { alphabet: 'base64url' }))
  const { access }: { access: { name: string; actions: string[] }[] } = JSON.parse(text)
  return access.flatMap(({ name, actions }) => actions.map((action) => `${name}:${action}`)).sort()
}

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }

async function refreshed(refresh: string, scope: string): Promise<string> {
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refresh, scope })
  const response = await send('POST', '/token', { headers: FORM, body: `${body}` }, closed)
  if (!response.ok) throw new Error(await response.text())
  const { access_token: token } = await response.json<{ access_token: string }>()
  return token
}

async function refreshTokenOf(owner: Client): Promise<string> {
  const response = await owner.send('GET', '/token?offline_token=true')
  const { refresh_token: token } = await response.json<{ refresh_token: string }>()
  return token
}

describe('CVE-2025-68944 (Gitea), GitLab #426887: a scope that is lost in the exchange', () => {
  const WIDE = `${SCOPE}:pull,push,delete,* repository:other/app:* registry:catalog:*`

  it('a token that reads gets no token that writes', async () => {
    const reader = await client.withAccessToken({ 'tokens/app': ['pull'] })
    expect(actionsOf(await reader.token(WIDE))).toEqual(['catalog:*', 'tokens/app:pull'])
    const bearing = await reader.bearing(WIDE)
    expect((await bearing.send('GET', MANIFEST)).status).toBe(200)
    for (const [method, path] of [
      ['POST', UPLOADS],
      ['PUT', MANIFEST],
      ['DELETE', MANIFEST],
    ] as const) {
      expect((await bearing.send(method, path)).status).toBe(401)
      expect((await reader.send(method, path)).status).toBe(403)
    }
  })

  it('nor by a refresh token, nor by a password grant', async () => {
    const reader = await client.withAccessToken({ 'tokens/app': ['pull'] })
    const token = await refreshed(await refreshTokenOf(reader), WIDE)
    expect(actionsOf(token)).toEqual(['catalog:*', 'tokens/app:pull'])
    const { name: username, secret: password } = reader
    const body = new URLSearchParams({ grant_type: 'password', username, password, scope: WIDE })
    const response = await send('POST', '/token', { headers: FORM, body: `${body}` }, closed)
    const { access_token: granted } = await response.json<{ access_token: string }>()
    expect(actionsOf(granted)).toEqual(['catalog:*', 'tokens/app:pull'])
  })

  it('an access token that claims more than its owner has gets what its owner has', async () => {
    const poor = await newClient({ 'tokens/app': ['pull'] })
    const token = await poor.withAccessToken({ '**': ['admin'] })
    expect(actionsOf(await token.token(WIDE))).toEqual(['catalog:*', 'tokens/app:pull'])
    expect((await token.call('GET', '/accounts')).status).toBe(403)
  })

  it('a bearer token is exchanged for nothing', async () => {
    const pull = await client.bearing(`${SCOPE}:pull`)
    expect((await pull.send('GET', `/token?scope=${SCOPE}:push`)).status).toBe(401)
  })

  it('nobody gets what anonymous has not', async () => {
    expect(actionsOf(await NOBODY.token(WIDE))).toEqual(['catalog:*'])
    for (const query of ['account=admin', 'client_id=admin', 'username=admin', 'sub=admin']) {
      const response = await NOBODY.send('GET', `/token?${query}&scope=${SCOPE}:*`)
      const { token } = await response.json<{ token: string }>()
      expect(actionsOf(token)).toEqual([])
    }
  })
})

describe('CVE-2025-23208 (zot): what was revoked is kept', () => {
  const path = '/v2/tokens/app/tags/list'

  it('a grant that is withdrawn ends with the next request, and the next token', async () => {
    const reader = await newClient({ 'tokens/app': ['pull'] })
    const refresh = await refreshTokenOf(reader)
    expect((await reader.send('GET', path)).status).toBe(200)
    await administer('DELETE', `/grants?principal=account:${reader.name}&pattern=tokens/app`)
    expect((await reader.send('GET', path)).status).toBe(403)
    expect(actionsOf(await reader.token(`${SCOPE}:pull`))).toEqual([])
    expect(actionsOf(await refreshed(refresh, `${SCOPE}:pull`))).toEqual([])
  })

  it('so does what everybody had, and what a token was limited to', async () => {
    const reader = await newClient({ 'tokens/app': ['push'] })
    const limited = await client.withAccessToken({ 'tokens/app': ['pull'] })
    await administer('PUT', '/grants', {
      principal: 'authenticated',
      pattern: 'tokens/app',
      actions: ['pull'],
    })
    expect((await reader.send('GET', path)).status).toBe(200)
    expect((await limited.send('GET', path)).status).toBe(200)
    await administer('DELETE', '/grants?principal=authenticated&pattern=tokens/app')
    await administer('DELETE', `/grants?principal=token:${limited.id}&pattern=tokens/app`)
    expect((await reader.send('GET', path)).status).toBe(403)
    // It stays limited, to nothing now.
    expect((await limited.send('GET', path)).status).toBe(403)
  })

  it.each([
    [
      'a revoked token',
      async (one: Client & { id: string }) =>
        void (await administer('DELETE', `/tokens/${one.id}`)),
    ],
    [
      'a disabled account',
      async ({ name }: Client) =>
        void (await administer('PATCH', `/accounts/${name}`, { disabled: true })),
    ],
    [
      'a deleted account',
      async ({ name }: Client) => void (await administer('DELETE', `/accounts/${name}`)),
    ],
  ])('%s is refused by the next request, and so is its refresh token', async (_, end) => {
    const owner = await newClient({ 'tokens/app': ['pull'] })
    const token = await owner.withAccessToken()
    const refresh = await refreshTokenOf(token)
    expect((await token.send('GET', path)).status).toBe(200)
    await end(token)
    expect((await token.send('GET', path)).status).toBe(401)
    expect((await token.send('GET', '/token')).status).toBe(401)
    await expect(refreshed(refresh, `${SCOPE}:pull`)).rejects.toThrow('UNAUTHORIZED')
  })

  it('a name that is given again has nothing of its former bearer', async () => {
    const old = await newClient({ 'tokens/app': ['pull'] })
    const token = await old.withAccessToken()
    const refresh = await refreshTokenOf(old)
    await administer('DELETE', `/accounts/${old.name}`)
    await administer('POST', '/accounts', { name: old.name, password: `${PASSWORD}, another` })
    expect((await old.send('GET', path)).status).toBe(401)
    expect((await token.send('GET', path)).status).toBe(401)
    await expect(refreshed(refresh, `${SCOPE}:pull`)).rejects.toThrow('UNAUTHORIZED')
    await administer('PATCH', `/accounts/${old.name}`, { password: PASSWORD })
    expect((await old.send('GET', path)).status).toBe(403)
  })
})
