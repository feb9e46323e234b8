/** What ends the tokens of an account, over HTTP: refresh tokens at once, bearer tokens within a minute. */
import { env } from 'cloudflare:workers'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Env } from '../../src/http/middleware/context.ts'
import { execute, grant, newAccount, newToken, PASSWORD } from '../auth/login-support.ts'
import { countBindings, counted } from '../support/counting.ts'
import { pushImage, send } from '../support/registry.ts'

const ADMIN_PASSWORD = 'the administrator, really'

/** The registry as another isolate sees it: nothing of it is remembered yet. */
function isolate(): Env {
  return { ...countBindings(env), OPEN_ACCESS: 'false', ADMIN_PASSWORD }
}

const here = isolate()

beforeAll(async () => {
  await pushImage('team/app', 'latest')
})

afterEach(() => {
  vi.useRealTimers()
})

function basic(user: string, password: string): string {
  return `Basic ${btoa(`${user}:${password}`)}`
}

async function logIn(authorization: string) {
  const path = '/token?service=berth&offline_token=true&scope=repository:team/app:pull'
  const response = await send('GET', path, { headers: { Authorization: authorization } }, here)
  expect(response.status).toBe(200)
  return response.json<{ token: string; refresh_token: string }>()
}

async function pull(token: string, environment: Env): Promise<number> {
  const headers = { Authorization: `Bearer ${token}` }
  return (await send('GET', '/v2/team/app/manifests/latest', { headers }, environment)).status
}

async function refresh(token: string): Promise<number> {
  const body = `grant_type=refresh_token&service=berth&refresh_token=${token}`
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
  return (await send('POST', '/token', { body, headers }, here)).status
}

async function administer(method: string, path: string, body?: object): Promise<number> {
  const headers = {
    Authorization: basic('admin', ADMIN_PASSWORD),
    'Content-Type': 'application/json',
  }
  const init = body === undefined ? { headers } : { headers, body: JSON.stringify(body) }
  return (await send(method, `/api/v1${path}`, init, here)).status
}

async function person() {
  const name = await newAccount()
  await grant('account', name, 'team/*', 'pull')
  return name
}

describe('the tokens of an account end with', () => {
  it.each<[string, (name: string) => Promise<number>, number]>([
    ['a sign-out', (name) => administer('POST', `/accounts/${name}/sign-out`), 204],
    [
      'a sign-out of its own',
      async (name) => {
        const headers = { Authorization: basic(name, PASSWORD) }
        const path = `/api/v1/accounts/${name}/sign-out`
        return (await send('POST', path, { headers }, here)).status
      },
      204,
    ],
    [
      'a new password',
      (name) => administer('PATCH', `/accounts/${name}`, { password: 'another, long enough' }),
      200,
    ],
    [
      'its disabling, and do not come back',
      async (name) => {
        await administer('PATCH', `/accounts/${name}`, { disabled: true })
        return administer('PATCH', `/accounts/${name}`, { disabled: false })
      },
      200,
    ],
    ['its end', (name) => administer('DELETE', `/accounts/${name}`), 204],
  ])('%s', async (_, end, status) => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const name = await person()
    const { secret } = await newToken(name)
    const logins = [await logIn(basic(name, PASSWORD)), await logIn(basic(name, secret))]
    const there = isolate()
    for (const { token } of logins) expect(await pull(token, there)).toBe(200)
    expect(await end(name)).toBe(status)
    for (const { token, refresh_token } of logins) {
      expect(await refresh(refresh_token)).toBe(401)
      expect(await pull(token, isolate())).toBe(401)
    }
    vi.setSystemTime(Date.now() + 60_000)
    for (const { token } of logins) {
      expect(await pull(token, there)).toBe(401)
      expect(await pull(token, here)).toBe(401)
    }
  })

  it('the revocation of the access token that they came from, and of no other', async () => {
    const name = await person()
    const [one, other] = [await newToken(name), await newToken(name)]
    const logins = [await logIn(basic(name, one.secret)), await logIn(basic(name, other.secret))]
    await execute('UPDATE access_tokens SET revoked_at = 1 WHERE id = ?', one.id)
    const statuses = await Promise.all(logins.map(({ token }) => pull(token, isolate())))
    expect(statuses).toEqual([401, 200])
  })

  it('a revocation of all keys, like those of everybody', async () => {
    const name = await person()
    const logins = [await logIn(basic(name, PASSWORD)), await logIn(basic('admin', ADMIN_PASSWORD))]
    expect(await administer('POST', '/token-keys/rotate', {})).toBe(200)
    for (const { token } of logins) expect(await pull(token, here)).toBe(200)
    expect(await administer('POST', '/token-keys/rotate', { revoke: true })).toBe(200)
    for (const { token, refresh_token } of logins) {
      expect(await pull(token, here)).toBe(401)
      expect(await pull(token, isolate())).toBe(401)
      expect(await refresh(refresh_token)).toBe(401)
    }
    expect(await pull((await logIn(basic(name, PASSWORD))).token, here)).toBe(200)
  })
})

describe('a token that was issued after a sign-out', () => {
  it('is accepted even if the previous session is still remembered', async () => {
    const name = await person()
    const there = isolate()
    expect(await pull((await logIn(basic(name, PASSWORD))).token, there)).toBe(200)
    await administer('POST', `/accounts/${name}/sign-out`)
    expect(await pull((await logIn(basic(name, PASSWORD))).token, there)).toBe(200)
  })
})

describe('the check of the session', () => {
  it('costs one query a minute for each account, and none where it logged in', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const { token } = await logIn(basic(await person(), PASSWORD))
    const there = isolate()
    await pull((await logIn(basic('admin', ADMIN_PASSWORD))).token, there)
    const queries = async (environment: Env) => (await counted(() => pull(token, environment))).d1
    expect(await queries(here)).toBe(1)
    expect(await queries(there)).toBe(2)
    expect(await queries(there)).toBe(1)
  })
})

describe('POST /accounts/{name}/sign-out', () => {
  it('is for administrators and the account itself', async () => {
    const [one, other] = [await person(), await person()]
    const headers = { Authorization: basic(one, PASSWORD) }
    const path = `/api/v1/accounts/${other}/sign-out`
    expect((await send('POST', path, { headers }, here)).status).toBe(403)
    expect(await administer('POST', '/accounts/nobody-at-all/sign-out')).toBe(404)
  })
})
