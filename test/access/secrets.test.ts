/** Credentials stay where they belong: in no line of the log, no audit row, no error. */
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Env } from '../../src/http/middleware/context.ts'
import { ADMIN, Client, NOBODY } from '../support/access-clients.ts'
import { makeCredentials } from '../support/access-credentials.ts'
import {
  ADMIN_PASSWORD,
  basic,
  buildWorld,
  closed,
  PASSWORD,
  withdraw,
} from '../support/access-world.ts'

const world = await buildWorld()
const credentials = await makeCredentials(world)
await withdraw(world.tokens)

const NEW_PASSWORD = 'a password for the log'
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' }

/** What must be nowhere: all passwords, secrets and tokens, as they are and as they are sent. */
const SECRETS = new Set([
  PASSWORD,
  ADMIN_PASSWORD,
  NEW_PASSWORD,
  ...world.tokens.map(({ secret }) => secret),
  ...credentials.flatMap(({ authorization }) => authorization?.split(' ').at(-1) ?? []),
])

function secretsIn(text: string): string[] {
  return [...SECRETS].filter((secret) => secret.length > 8 && text.includes(secret))
}

const METHODS = ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const

/** Everything that `work` writes to the console. */
async function logOf(work: () => Promise<unknown>): Promise<string> {
  const lines: unknown[] = []
  for (const method of METHODS) {
    vi.spyOn(console, method).mockImplementation((...args: unknown[]) => void lines.push(...args))
  }
  await work()
  return lines.map((line) => (line instanceof Error ? line.stack : String(line))).join('\n')
}

afterEach(() => {
  vi.restoreAllMocks()
})

function logging(environment: Env): Env {
  return { ...environment, LOG_REQUESTS: 'true' }
}

/** Requests that carry a credential in any place where one may be put. */
async function* requestsWith(authorization: string | null, environment: Env) {
  const client = new Client('', authorization, environment)
  yield client.send('GET', '/v2/')
  yield client.send('GET', '/v2/exact/app/manifests/latest')
  yield client.send('DELETE', '/v2/none/app/manifests/latest')
  yield client.send('POST', '/v2/exact/app/blobs/uploads/')
  yield client.send('GET', '/token?scope=repository:exact/app:pull&offline_token=true')
  yield client.send('GET', '/api/v1/account')
  const [scheme = '', value = ''] = authorization?.split(' ') ?? []
  yield NOBODY.at(environment).send('GET', `/v2/?access_token=${value}`)
  yield NOBODY.at(environment).send('GET', '/v2/', { Cookie: `token=${value}` })
  if (scheme === 'Bearer') {
    const body = `grant_type=refresh_token&refresh_token=${value}`
    yield NOBODY.at(environment).send('POST', '/token', FORM, body)
  }
}

describe('the log of requests', () => {
  it('is written, and has no credential in it, whatever is sent', async () => {
    const bodies: string[] = []
    const log = await logOf(async () => {
      for (const { authorization, environment, slow } of credentials) {
        if (slow) continue
        for await (const response of requestsWith(authorization, logging(environment))) {
          // A token that is given out is meant for the client.
          if (!response.ok)
            bodies.push(await response.text(), JSON.stringify([...response.headers]))
        }
      }
    })
    expect(
      log.split('\n').filter((line) => line.includes('"message":"request"')).length,
    ).toBeGreaterThan(500)
    expect(log).toContain('"subject":"pull-push-delete/whole"')
    expect(secretsIn(log)).toEqual([])
    expect(secretsIn(bodies.join('\n'))).toEqual([])
  })

  it('has no created or changed credential, and neither have audit rows', async () => {
    const made: string[] = []
    const admin = ADMIN.at(logging(closed))
    const log = await logOf(async () => {
      await admin.call('POST', '/accounts', { name: 'logged', password: NEW_PASSWORD })
      const created = await admin.call('POST', '/tokens', { account: 'logged', name: 'ci' })
      made.push((await created.json<{ secret: string }>()).secret)
      const account = new Client('logged', basic('logged', NEW_PASSWORD), logging(closed))
      await account.call('PATCH', '/accounts/logged', { password: PASSWORD })
      const renewed = new Client('logged', basic('logged', PASSWORD), logging(closed))
      const answer = await renewed.send('GET', '/token?offline_token=true')
      const given = await answer.json<{ token: string; refresh_token: string }>()
      made.push(given.token, given.refresh_token)
    })
    const rows = await env.DB.prepare('SELECT * FROM audit').all()
    const hashes = await env.DB.prepare(
      'SELECT password_hash AS hash FROM accounts UNION SELECT secret_hash FROM access_tokens',
    ).all<{ hash: string | null }>()
    const forbidden = [
      ...made,
      NEW_PASSWORD,
      PASSWORD,
      ...hashes.results.flatMap(({ hash }) => hash ?? []),
    ]
    expect(made.every((secret) => secret.length > 20)).toBe(true)
    for (const text of [log, JSON.stringify(rows.results)]) {
      expect(text).toContain('logged')
      expect(forbidden.filter((secret) => text.includes(secret))).toEqual([])
    }
  })

  it('has no credential if the database fails in the middle of a login', async () => {
    const DB = new Proxy(env.DB, {
      get(target, property) {
        if (property === 'prepare' || property === 'batch') throw new Error('D1_ERROR: gone')
        return Reflect.get(target, property)
      },
    })
    const bodies: string[] = []
    const log = await logOf(async () => {
      for (const { authorization, environment, slow } of credentials) {
        if (slow) continue
        const client = new Client('', authorization, { ...logging(environment), DB })
        for (const path of ['/v2/exact/app/manifests/latest', '/token?service=berth']) {
          const response = await client.send('GET', path)
          bodies.push(await response.text())
        }
      }
    })
    expect(log).toContain('D1_ERROR: gone')
    expect(secretsIn(log)).toEqual([])
    expect(bodies.join('\n')).not.toContain('D1_ERROR')
    expect(secretsIn(bodies.join('\n'))).toEqual([])
  })
})

describe('an error', () => {
  const SENT = 'hunter2-hunter2-hunter2'

  it.each([
    ['not JSON', `{"name":"x","password":"${SENT}`],
    ['a wrong type', JSON.stringify({ name: { password: SENT }, password: [SENT] })],
    ['too short', JSON.stringify({ name: 'x', password: SENT.slice(0, 8) })],
    ['too long', JSON.stringify({ name: 'x', password: SENT.repeat(50) })],
    ['in the wrong field', JSON.stringify({ name: SENT.toUpperCase(), password: SENT })],
    ['twice', `{"name":"x","password":"${SENT}","password":"${SENT}"}`],
    ['a control character', JSON.stringify({ name: 'x', password: `${SENT}\u0000` })],
  ])('does not repeat a password that is %s', async (_, body) => {
    const headers = { 'Content-Type': 'application/json' }
    const response = await ADMIN.send('POST', '/api/v1/accounts', headers, body)
    expect(response.status).toBe(400)
    expect((await response.text()).toLowerCase()).not.toContain(SENT.slice(0, 8))
  })

  it.each([
    `grant_type=password&username=exact&password=${SENT}`,
    `grant_type=password&password=${SENT}`,
    `grant_type=${SENT}`,
    `grant_type=refresh_token&refresh_token=${SENT}`,
    `grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=${SENT}&subject_token_type=${SENT}`,
    `grant_type=password&service=${SENT}&username=x&password=${SENT}`,
  ])('of /token does not repeat the values of the form: %s', async (body) => {
    const response = await NOBODY.send('POST', '/token', FORM, body)
    expect(response.ok).toBe(false)
    const text = JSON.stringify([await response.text(), ...response.headers])
    expect(text).not.toContain(SENT)
  })
})
