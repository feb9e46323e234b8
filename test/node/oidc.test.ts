/** CI without a stored secret, end to end: a real issuer, a running registry, and ID tokens at its token endpoint. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type LocalRegistry, startLocal } from '../../src/cli/local.ts'
import { forge, newSigner, publicJwk, secondsFromNow } from '../auth/forge.ts'
import {
  type IssuerServer,
  MISBEHAVIOURS,
  type Misbehaviour,
  type Realm,
  sendJson,
  startIssuer,
} from './issuer.ts'
import { newBytes, stateFolder } from './support.ts'

const ADMIN_PASSWORD = 'the password of an administrator'
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ID_TOKEN = 'urn:ietf:params:oauth:token-type:id_token'
const SCOPE = 'repository:octo/app:pull,push repository:other/app:pull,push'

const folder = stateFolder()
let registry: LocalRegistry
let issuers: IssuerServer
let ci: Realm

beforeAll(async () => {
  issuers = await startIssuer()
  const vars = { OPEN_ACCESS: 'false', ADMIN_PASSWORD, ALLOW_LOOPBACK: 'true' }
  registry = await startLocal({ state: folder.path, vars })
  ci = await trustedRealm()
})
afterAll(async () => {
  await registry.stop()
  await issuers.stop()
  await folder.remove()
})

let rules = 0

/** An issuer whose tokens for the main branch may push to octo/**. */
async function trustedRealm(): Promise<Realm> {
  const realm = await issuers.newRealm()
  await trust(realm, { repository_owner: 'octo', ref: 'refs/heads/main' })
  return realm
}

async function trust(realm: Realm, claims: Record<string, string>): Promise<void> {
  rules += 1
  const response = await fetch(new URL('/api/v1/trust-rules', registry.url), {
    method: 'POST',
    headers: { ...basic('admin', ADMIN_PASSWORD), 'Content-Type': 'application/json' },
    body: JSON.stringify({
      name: `rule-${rules}`,
      issuer: realm.issuer,
      audience: 'berth',
      claims,
      grants: [{ pattern: 'octo/**', actions: ['pull', 'push'] }],
    }),
  })
  expect(response.status, await response.text()).toBe(201)
}

function basic(user: string, password: string) {
  return { Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` }
}

/** As `docker login -u oidc --password-stdin` and every pull and push after it. */
function login(idToken: string): Promise<Response> {
  const url = new URL('/token?service=berth&account=oidc', registry.url)
  url.searchParams.append('scope', SCOPE)
  return fetch(url, { headers: basic('oidc', idToken) })
}

/** RFC 8693, 2.1. */
function exchange(idToken: string, type = ID_TOKEN): Promise<Response> {
  const form = {
    grant_type: TOKEN_EXCHANGE,
    subject_token: idToken,
    subject_token_type: type,
    scope: SCOPE,
  }
  const body = new URLSearchParams(form)
  return fetch(new URL('/token', registry.url), { method: 'POST', body })
}

/** The OAuth password grant, which docker login tries first where it can. */
function passwordGrant(idToken: string): Promise<Response> {
  const form = { grant_type: 'password', username: 'oidc', password: idToken, scope: SCOPE }
  const body = new URLSearchParams({ ...form, service: 'berth', client_id: 'docker' })
  return fetch(new URL('/token', registry.url), { method: 'POST', body })
}

async function accessToken(response: Response): Promise<string> {
  const text = await response.text()
  expect(response.status, text).toBe(200)
  const body: Record<string, unknown> = JSON.parse(text)
  return String(body.access_token)
}

async function isRefused(response: Response): Promise<void> {
  const text = await response.text()
  expect(response.status, text).toBe(401)
  expect(JSON.parse(text)).toMatchObject({
    errors: [{ code: 'UNAUTHORIZED', message: 'the ID token was not accepted' }],
  })
}

/** The status of a push of a blob. */
async function push(token: string, repository: string): Promise<number> {
  const { bytes, digest } = newBytes(100)
  const url = new URL(`/v2/${repository}/blobs/uploads/?digest=${digest}`, registry.url)
  const headers = { Authorization: `Bearer ${token}` }
  const response = await fetch(url, { method: 'POST', headers, body: bytes })
  await response.arrayBuffer()
  return response.status
}

describe('an ID token', () => {
  it.each([
    ['as the password of oidc', login],
    ['by token exchange', exchange],
    [
      'by token exchange as a JWT',
      (token: string) => exchange(token, ID_TOKEN.replace('id_token', 'jwt')),
    ],
    ['by the password grant', passwordGrant],
  ])('%s lets a job push where the trust rule says', async (_how, present) => {
    const token = await accessToken(await present(await ci.idToken()))
    expect(await push(token, 'octo/app')).toBe(201)
    expect(await push(token, 'other/app')).toBe(401)
    expect(await push(token, 'octo-evil/app')).toBe(401)
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    expect(claims).toMatchObject({
      sub: `oidc:${ci.issuer.replace('http://', '')}:repo:octo/app:ref:refs/heads/main`,
      access: [{ type: 'repository', name: 'octo/app', actions: ['pull', 'push'] }],
    })
  })

  it('gets no refresh token, which would outlive it', async () => {
    const url = new URL('/token?offline_token=true', registry.url)
    const response = await fetch(url, { headers: basic('oidc', await ci.idToken()) })
    expect(await response.json()).not.toHaveProperty('refresh_token')
  })

  it('is not a bearer token', async () => {
    const headers = { Authorization: `Bearer ${await ci.idToken()}` }
    const response = await fetch(new URL('/v2/', registry.url), { headers })
    expect(response.status).toBe(401)
  })

  it('does not administer', async () => {
    const headers = basic('oidc', await ci.idToken())
    const response = await fetch(new URL('/api/v1/accounts', registry.url), { headers })
    expect([401, 403]).toContain(response.status)
  })

  it('is not exchanged for the bearer token of another service', async () => {
    const url = new URL('/token?service=elsewhere', registry.url)
    const response = await fetch(url, { headers: basic('oidc', await ci.idToken()) })
    expect(response.status).toBe(400)
  })

  const wrong: [string, () => Promise<string>][] = [
    ['of an issuer that nobody trusts', async () => (await issuers.newRealm()).idToken()],
    ['of an issuer with a slash', () => ci.idToken({ iss: `${ci.issuer}/` })],
    ['for another audience', () => ci.idToken({ aud: 'other' })],
    ['expired', () => ci.idToken({ exp: secondsFromNow(-60) })],
    ['of tomorrow', () => ci.idToken({ iat: secondsFromNow(86_400) })],
    ['of an owner that begins alike', () => ci.idToken({ repository_owner: 'octo-evil' })],
    ['of a branch that begins alike', () => ci.idToken({ ref: 'refs/heads/main2' })],
    [
      'with alg none',
      async () => {
        const [, claims] = (await ci.idToken()).split('.')
        return `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.`
      },
    ],
    [
      'signed by somebody else',
      async () => {
        const [, claims = ''] = (await ci.idToken()).split('.')
        const text = Buffer.from(claims, 'base64url').toString()
        return forge({ alg: 'ES256', kid: 'key-1' }, text, await newSigner('key-1'))
      },
    ],
    [
      'signed by somebody else, with his key',
      async () => {
        const [, claims = ''] = (await ci.idToken()).split('.')
        const text = Buffer.from(claims, 'base64url').toString()
        const signer = await newSigner('key-1')
        const jwk = await publicJwk(signer)
        return forge({ alg: 'ES256', kid: 'key-1', jwk }, text, signer)
      },
    ],
    ['that is none', async () => 'password'],
  ]

  it.each(wrong)('%s is refused', async (_what, token) => {
    const text = await token()
    await isRefused(await login(text))
    await isRefused(await exchange(text))
  })

  it('of an untrusted issuer leads to no request', async () => {
    const realm = await issuers.newRealm()
    await isRefused(await login(await realm.idToken()))
    expect(realm.asked).toEqual([])
  })

  it.each(['RS256', 'PS256', 'ES384', 'EdDSA'])('may be signed with %s', async (alg) => {
    const realm = await issuers.newRealm({ alg })
    await trust(realm, { repository_owner: 'octo' })
    expect(await push(await accessToken(await login(await realm.idToken())), 'octo/app')).toBe(201)
  })
})

/** Logs in by an issuer that misbehaves with one of its documents; returns what it was asked for. */
async function askMisbehaving(what: 'discovery' | 'keys', misbehave: Misbehaviour) {
  const realm = await trustedRealm()
  const document = what === 'keys' ? await realm.keys() : await realm.discovery()
  realm.answerWith(what, misbehave(document, realm))
  const began = performance.now()
  await isRefused(await login(await realm.idToken()))
  expect(performance.now() - began).toBeLessThan(8000)
  return realm.asked
}

describe("an issuer's keys", () => {
  it('are fetched once for many logins', async () => {
    const realm = await trustedRealm()
    const token = await realm.idToken()
    await Promise.all(Array.from({ length: 8 }, async () => accessToken(await login(token))))
    expect(realm.asked).toEqual(['/.well-known/openid-configuration', '/keys'])
  })

  it('may be rotated with an overlap', async () => {
    const realm = await trustedRealm()
    const before = await realm.idToken()
    await accessToken(await login(before))
    await realm.rotate({ overlap: true })
    await accessToken(await login(await realm.idToken()))
    await accessToken(await login(before))
  })

  it('may be rotated at once, and the old one is then refused', async () => {
    const realm = await trustedRealm()
    const before = await realm.idToken()
    await accessToken(await login(before))
    await realm.rotate({ overlap: false })
    await accessToken(await login(await realm.idToken()))
    await isRefused(await login(before))
  })

  it('are not fetched for every invented key id', async () => {
    const realm = await trustedRealm()
    await accessToken(await login(await realm.idToken()))
    for (let n = 0; n < 5; n += 1)
      await isRefused(await login(await realm.idToken({}, { kid: `${n}` })))
    expect(realm.asked).toHaveLength(4)
  })

  it('may be published with a symmetric one, which is not used', async () => {
    const realm = await trustedRealm()
    const symmetric = { kty: 'oct', kid: 'key-1', alg: 'HS256', k: 'AAAA' }
    const keys = [symmetric, ...(await realm.keys()).keys]
    realm.answerWith('keys', (_request, response) => sendJson(response, { keys }))
    await accessToken(await login(await realm.idToken()))
    await isRefused(await login(await realm.idToken({}, { alg: 'HS256' })))
  })

  const refused: [string, (realm: Realm) => Promise<unknown>][] = [
    ['a symmetric key alone', async () => ({ keys: [{ kty: 'oct', kid: 'key-1', k: 'AAAA' }] })],
    [
      'two keys of one id',
      async (realm) => {
        const { keys } = await realm.keys()
        return { keys: [...keys, ...keys] }
      },
    ],
    ['no keys', async () => ({ keys: [] })],
  ]

  it.each(refused)('are not accepted from a set with %s', async (_what, keySet) => {
    const realm = await trustedRealm()
    const answer = await keySet(realm)
    realm.answerWith('keys', (_request, response) => sendJson(response, answer))
    await isRefused(await login(await realm.idToken()))
    expect(realm.asked).toContain('/keys')
  })

  it('are not accepted if discovery names another issuer', async () => {
    const realm = await trustedRealm()
    const document = { ...(await realm.discovery()), issuer: ci.issuer }
    realm.answerWith('discovery', (_request, response) => sendJson(response, document))
    await isRefused(await login(await realm.idToken()))
    expect(realm.asked).not.toContain('/keys')
  })

  it.concurrent.each(Object.entries(MISBEHAVIOURS))(
    'are not taken from a server that %s',
    async (_how, misbehave) => {
      const asked = await Promise.all([
        askMisbehaving('discovery', misbehave),
        askMisbehaving('keys', misbehave),
      ])
      expect(asked.map((paths) => paths.length)).toEqual([1, 2])
    },
  )
})
