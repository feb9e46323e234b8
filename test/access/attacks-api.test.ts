/** Known attacks on administration: Harbor's foreign ids, default password, mass assignment and enumeration of names. */
import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import { ADMIN, type Client, NOBODY, newClient } from '../support/access-clients.ts'
import { basic, closed, PASSWORD } from '../support/access-world.ts'
import { errorCodes, pushImage, send } from '../support/registry.ts'

let owner: Client
let stranger: Client
let token: Client & { id: string; secret: string }

beforeAll(async () => {
  await pushImage('harbor/app', 'latest')
  owner = await newClient({ 'harbor/*': ['pull', 'push', 'delete', 'admin'] })
  stranger = await newClient({ 'harbor/*': ['pull', 'push', 'delete', 'admin'] })
  token = await owner.withAccessToken()
})

/** The answer without what differs from one request to the next. */
async function body(response: Response, ...said: string[]): Promise<string> {
  const text = `${response.status} ${await response.text()}`
  return said.reduce((left, one) => left.replaceAll(one, '<said>'), text)
}

describe('CVE-2022-31667, 31669, 31670, CVE-2024-22278 (Harbor): ids that belong to another account', () => {
  it('a token is not revoked by another account, which cannot tell it from one that does not exist', async () => {
    const unknown = crypto.randomUUID()
    for (const client of [stranger, token, await stranger.withAccessToken()]) {
      const foreign = await client.call('DELETE', `/tokens/${token.id}`)
      const missing = await client.call('DELETE', `/tokens/${unknown}`)
      expect(await body(foreign, token.id)).toBe(await body(missing, unknown))
      expect(foreign.status).toBe(404)
    }
    expect((await token.send('GET', '/v2/harbor/app/tags/list')).status).toBe(200)
  })

  it.each([
    ['GET', (name: string) => `/accounts/${name}`, undefined],
    ['PATCH', (name: string) => `/accounts/${name}`, { password: `${PASSWORD}!!` }],
    ['GET', (name: string) => `/tokens?account=${name}`, undefined],
  ] as const)('%s of another account looks like a missing one', async (method, path, sent) => {
    for (const client of [stranger, await owner.withAccessToken()]) {
      const other = await client.call(method, path(owner.name), sent)
      const none = await client.call(method, path('client-none'), sent)
      expect(await body(other, owner.name)).toBe(await body(none, 'client-none'))
      expect(other.status).toBe(403)
    }
    expect((await owner.send('GET', '/v2/')).status).toBe(200)
  })

  it('nobody creates a token for another account, or with a token', async () => {
    for (const client of [stranger, token, NOBODY, await owner.bearing('registry:catalog:*')]) {
      const response = await client.call('POST', '/tokens', { account: owner.name, name: 'stolen' })
      expect([401, 403]).toContain(response.status)
    }
    const { tokens } = await (await owner.call('GET', '/tokens')).json<{
      tokens: { name: string }[]
    }>()
    expect(tokens.map(({ name }) => name)).not.toContain('stolen')
  })

  it('admin on repositories does not administer the registry', async () => {
    const put = { principal: `account:${stranger.name}`, pattern: '**', actions: ['admin'] }
    for (const [method, path, sent] of [
      ['PUT', '/grants', put],
      ['GET', '/grants', undefined],
      ['GET', '/accounts', undefined],
      ['GET', '/audit', undefined],
      ['POST', '/accounts', { name: 'mole', password: PASSWORD }],
      [
        'POST',
        '/trust-rules',
        { name: 'x', issuer: 'https://x.example', audience: 'x', claims: {} },
      ],
      ['POST', '/token-keys/rotate', undefined],
      ['DELETE', `/accounts/${owner.name}`, undefined],
    ] as const) {
      expect((await stranger.call(method, path, sent)).status).toBe(403)
    }
    expect((await stranger.send('GET', '/v2/none/app/tags/list')).status).toBe(403)
  })
})

describe('CVE-2026-4404 (Harbor): a default password', () => {
  it.each(['', 'admin', 'password', 'Harbor12345', 'admin123', 'changeme', 'berth', PASSWORD])(
    'admin with "%s" is not let in, whatever is configured',
    async (password) => {
      const headers = { Authorization: basic('admin', password) }
      const { ADMIN_PASSWORD: _, ...unset } = closed
      for (const environment of [closed, unset, { ...unset, ADMIN_PASSWORD: '' }]) {
        for (const path of ['/v2/', '/token', '/api/v1/accounts', '/v2/harbor/app/tags/list']) {
          expect([401, 503]).toContain((await send('GET', path, { headers }, environment)).status)
        }
      }
    },
  )

  it('a password that is too short is not used', async () => {
    const environment = { ...closed, ADMIN_PASSWORD: 'short' }
    const headers = { Authorization: basic('admin', 'short') }
    expect((await send('GET', '/v2/', { headers }, environment)).status).toBe(503)
  })

  it('nobody can create an account of that name', async () => {
    for (const name of ['admin', 'oidc']) {
      const response = await ADMIN.call('POST', '/accounts', { name, password: PASSWORD })
      expect(response.status).toBe(409)
    }
    await env.DB.prepare(
      `INSERT INTO accounts (name, password_hash, created_at)
       SELECT 'admin', password_hash, 0 FROM accounts WHERE name = ?`,
    )
      .bind(owner.name)
      .run()
    expect(
      (await send('GET', '/v2/', { headers: { Authorization: basic('admin', PASSWORD) } }, closed))
        .status,
    ).toBe(401)
    await env.DB.prepare(`DELETE FROM accounts WHERE name = 'admin'`).run()
  })
})

describe('CVE-2019-16097 (Harbor): mass assignment', () => {
  const EXTRA = [
    'admin',
    'is_admin',
    'isAdministrator',
    'has_admin_role',
    'role',
    'id',
    'created_at',
    'account_id',
    'grants',
    'actions',
    'password_hash',
    'passwordHash',
    '__proto__',
    'constructor',
    'kind',
  ]

  it.each(EXTRA)('a field "%s" is refused everywhere', async (field) => {
    const sent = (base: object) => {
      const text = JSON.stringify(base)
      return `${text.slice(0, -1)}${text === '{}' ? '' : ','}${JSON.stringify(field)}:true}`
    }
    const post = (client: Client, method: string, path: string, base: object) =>
      client.send(method, `/api/v1${path}`, { 'Content-Type': 'application/json' }, sent(base))
    const rule = { name: 'mass', issuer: 'https://x.example', audience: 'x', claims: {} }
    const answers = [
      await post(ADMIN, 'POST', '/accounts', { name: 'mass', password: PASSWORD }),
      await post(ADMIN, 'PATCH', `/accounts/${owner.name}`, {}),
      await post(owner, 'PATCH', `/accounts/${owner.name}`, { password: PASSWORD }),
      await post(owner, 'POST', '/tokens', { name: 'mass' }),
      await post(owner, 'PATCH', '/repositories/harbor/app', { visibility: 'private' }),
      ...(field === 'actions'
        ? []
        : [
            await post(ADMIN, 'PUT', '/grants', {
              principal: 'anonymous',
              pattern: 'x',
              actions: ['pull'],
            }),
          ]),
      ...(field === 'grants' ? [] : [await post(ADMIN, 'POST', '/trust-rules', rule)]),
    ]
    for (const response of answers) {
      expect(response.status).toBe(400)
      expect(await errorCodes(response)).toEqual(['REQUEST_INVALID'])
    }
  })

  it('an account may change its password and nothing else', async () => {
    for (const sent of [
      { disabled: true },
      { password: null },
      { disabled: false, password: PASSWORD },
    ]) {
      expect((await owner.call('PATCH', `/accounts/${owner.name}`, sent)).status).toBe(403)
    }
    const { status } = await owner.call('PATCH', `/accounts/${owner.name}`, { password: PASSWORD })
    expect(status).toBe(200)
  })

  it('a form of a page does not change anything', async () => {
    const page = { Origin: 'https://attacker.example' }
    const json = { 'Content-Type': 'application/json' }
    const type = { 'Content-Type': 'text/plain' }
    const text = JSON.stringify({ name: 'csrf', password: PASSWORD })
    const path = '/api/v1/accounts'
    expect((await ADMIN.send('POST', path, { ...page, ...json }, text)).status).toBe(403)
    expect((await ADMIN.send('POST', path, { ...page, ...type }, text)).status).toBe(403)
    expect((await ADMIN.send('POST', path, type, text)).status).toBe(415)
    expect((await ADMIN.send('DELETE', `${path}/${owner.name}`, page)).status).toBe(403)
    expect((await ADMIN.call('GET', '/accounts/csrf')).status).toBe(404)
  })
})

describe('CVE-2019-19030 (Harbor): names are enumerated', () => {
  it('a failed login does not reveal whether the account exists', async () => {
    const robot = await ADMIN.call('POST', '/accounts', { name: 'enumerated-robot' })
    expect(robot.status).toBe(201)
    const disabled = await newClient()
    await ADMIN.call('PATCH', `/accounts/${disabled.name}`, { disabled: true })
    const wrong = `${PASSWORD}?`
    const almost = token.secret.slice(0, -1) + (token.secret.endsWith('x') ? 'y' : 'x')
    const doors = [
      '/v2/',
      '/token',
      '/token?scope=repository:harbor/app:pull',
      '/v2/harbor/app/tags/list',
      '/v2/_catalog',
      '/api/v1/account',
    ]
    for (const path of doors) {
      const answers = new Set<string>()
      for (const [name, password] of [
        [owner.name, wrong],
        ['nobody-of-this-name', wrong],
        [disabled.name, wrong],
        [disabled.name, PASSWORD],
        ['enumerated-robot', wrong],
        ['admin', wrong],
        [owner.name, almost],
        [stranger.name, token.secret],
        ['No Name', wrong],
      ] as const) {
        const headers = { Authorization: basic(name, password) }
        const response = await send('GET', path, { headers }, closed)
        const seen = [...response.headers].filter(([header]) => header !== 'x-request-id')
        answers.add(JSON.stringify([response.status, seen.sort(), await response.text()]))
      }
      expect([...answers]).toHaveLength(1)
      expect([...answers][0]).toMatch(/^\[401,/)
    }
  })
})

describe('CVE-2020-13788 (Harbor): an address that the registry is made to call', () => {
  it.each([
    'http://issuer.example.com',
    'https://127.0.0.1',
    'https://127.1',
    'https://2130706433',
    'https://0x7f.1',
    'https://0.0.0.0',
    'https://10.0.0.1',
    'https://172.16.0.1',
    'https://192.168.1.1',
    'https://169.254.169.254/latest',
    'https://100.64.0.1',
    'https://[::1]',
    'https://[::ffff:127.0.0.1]',
    'https://[fd00::1]',
    'https://localhost',
    'https://LOCALHOST.',
    'https://a.localhost',
    'https://user:password@issuer.example.com',
    'https://issuer.example.com?x=1',
    'https://issuer.example.com#x',
    'ftp://issuer.example.com',
    'file:///etc/passwd',
    'data:application/json,{}',
    'issuer.example.com',
    '',
  ])('%s is refused as an issuer', async (issuer) => {
    const rule = { name: 'ssrf', issuer, audience: 'x', claims: { sub: 'x' } }
    expect((await ADMIN.call('POST', '/trust-rules', rule)).status).toBe(400)
  })

  it('a public address is accepted as an issuer', async () => {
    const rule = {
      name: 'ssrf',
      issuer: 'https://issuer.example.com',
      audience: 'x',
      claims: { sub: 'x' },
    }
    expect((await ADMIN.call('POST', '/trust-rules', rule)).status).toBe(201)
  })
})
