/** Webhooks over HTTP: how they are made, shown, changed and deleted, and what is never shown. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { operations } from '../../../../src/http/api/index.ts'
import {
  configureWebhook,
  replaceWebhookSecrets,
} from '../../../../src/store/events/manage-webhooks.ts'
import { type WebhookRow, webhookOf, webhookRows } from '../../../../src/store/events/webhooks.ts'
import { bindings } from '../../../support/registry.ts'
import { type CallOptions, call as callApi, environment, failure as failApi } from '../support.ts'

const URL_ELSEWHERE = 'https://other.example/hook'
const SECRET = `whsec_${new Uint8Array(32).fill(7).toBase64()}`
const TOKEN = 'Bearer a-token-that-nobody-may-see'

const WEBHOOKS = JSON.stringify([
  {
    name: 'fixed',
    url: 'https://fixed.example/hook',
    headers: { Authorization: [TOKEN] },
    timeout: '500ms',
    ignoredmediatypes: ['application/octet-stream'],
    secret: SECRET,
  },
])
const withVariable = { ...environment, WEBHOOKS }

interface Webhook {
  id: string
  name: string
  url: string
  secret?: string
  secrets: number
  [field: string]: unknown
}

const db = bindings.DB

/** All that was answered in a test. */
let answered = ''

async function call<T = Webhook>(method: string, path: string, options: CallOptions = {}) {
  const answer = await callApi<T>(method, path, { environment: withVariable, ...options })
  answered += JSON.stringify(answer.body)
  return answer
}

async function failure(method: string, path: string, options: CallOptions = {}): Promise<string> {
  const text = await failApi(method, path, { environment: withVariable, ...options })
  answered += text
  return text
}

async function create(body: object = {}): Promise<Webhook> {
  const base = { name: 'ci', url: 'https://ci.example/hook' }
  return (await call('POST', '/webhooks', { body: { ...base, ...body } })).body
}

async function list(): Promise<Webhook[]> {
  return (await call<{ webhooks: Webhook[] }>('GET', '/webhooks')).body.webhooks
}

interface AuditEntry {
  action: string
  target: string
  detail: Record<string, unknown>
}

async function audited(): Promise<AuditEntry[]> {
  const { body } = await call<{ entries: AuditEntry[] }>('GET', '/audit?n=1000')
  return body.entries
    .filter(({ action }) => action.startsWith('webhook.'))
    .map(({ action, target, detail }) => ({ action, target, detail }))
}

beforeEach(async () => {
  answered = ''
  await db.batch(['webhooks', 'audit'].map((table) => db.prepare(`DELETE FROM ${table}`)))
})

/** Of every test: no answer, and no row of the audit log, has a credential in it, but for the answers that give one. */
afterEach(async () => {
  await audited()
  expect(answered).not.toContain('a-token-that-nobody-may-see')
  expect(answered).not.toContain(SECRET)
})

async function findWebhook(name: string) {
  const { results } = await webhookRows(db, '', 100).all<WebhookRow>()
  return results.map(webhookOf).find((webhook) => webhook.name === name)
}

describe('a webhook', () => {
  it('is shown with its defaults, and with its secret only once', async () => {
    const created = await create()
    expect(created).toMatchObject({
      name: 'ci',
      readOnly: false,
      url: 'https://ci.example/hook',
      headers: {},
      timeout: 5000,
      threshold: 10,
      backoff: 60_000,
      disabled: false,
      ignore: { mediatypes: [], actions: [] },
      blobPulls: false,
      references: false,
      format: 'v1',
      secrets: 1,
      failures: 0,
      openUntil: null,
    })
    const { secret = '', ...shown } = created
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect(await findWebhook('ci')).toMatchObject({
      id: created.id,
      secrets: { current: secret, previous: null },
    })
    answered = ''
    expect((await call('GET', `/webhooks/${created.id}`)).body).toEqual(shown)
    expect((await list())[1]).toEqual(shown)
    await call('PATCH', `/webhooks/${created.id}`, { body: { disabled: true } })
    expect(await audited()).toHaveLength(2)
    expect(answered).not.toContain(secret)
    expect((await create({ name: 'two' })).secret).not.toBe(secret)
  })

  it('takes a secret of its owner', async () => {
    const { secret } = (
      await callApi<Webhook>('POST', '/webhooks', {
        body: { name: 'own', url: 'https://own.example/', secret: SECRET },
      })
    ).body
    expect(secret).toBe(SECRET)
    const { config } = (await findWebhook('own')) ?? {}
    expect(JSON.stringify(config)).not.toContain(SECRET)
    await list()
  })

  it('is accepted in docker/distribution’s form, and shows only the names of headers', async () => {
    const { secret: _, ...created } = await create({
      headers: { Authorization: [TOKEN], 'X-Many': ['one', 'two'] },
      timeout: '1s',
      threshold: 3,
      backoff: '1m',
      disabled: true,
      ignoredmediatypes: ['a/b'],
      ignore: { mediatypes: ['c/d'], actions: ['pull'] },
      repositories: ['team/**'],
      actions: ['push', 'delete'],
      mediaTypes: ['e/f'],
      blobPulls: true,
      references: true,
      format: 'cloudevents',
    })
    expect(created).toMatchObject({
      headers: { Authorization: '•••', 'X-Many': '•••' },
      timeout: 1000,
      threshold: 3,
      backoff: 60_000,
      disabled: true,
      ignore: { mediatypes: ['a/b', 'c/d'], actions: ['pull'] },
      repositories: ['team/**'],
      actions: ['push', 'delete'],
      mediaTypes: ['e/f'],
      blobPulls: true,
      references: true,
      format: 'cloudevents',
    })
    const { config } = (await findWebhook('ci')) ?? {}
    expect(config).toMatchObject({ headers: { Authorization: [TOKEN] }, timeout: '1s' })
    const [entry] = await audited()
    expect(entry).toEqual({
      action: 'webhook.create',
      target: created.id,
      detail: { name: 'ci', host: 'ci.example', disabled: true },
    })
  })

  it('has a name of its own', async () => {
    await create()
    const taken = { body: { name: 'ci', url: URL_ELSEWHERE } }
    expect(await failure('POST', '/webhooks', taken)).toBe(
      '409 CONFLICT: the webhook ci was not created: the name is taken',
    )
    const fixed = { body: { name: 'fixed', url: URL_ELSEWHERE } }
    expect(await failure('POST', '/webhooks', fixed)).toMatch(/^409 .*in the WEBHOOKS variable/)
    expect(await audited()).toHaveLength(1)
  })

  it('is refused beyond a hundred', async () => {
    const insert = db.prepare(
      `INSERT INTO webhooks (id, name, config, secrets, disabled, created_at, updated_at)
      VALUES (?1, ?1, '{"name":"x","url":"https://x.example/"}', NULL, 0, 1, 1)`,
    )
    await db.batch(Array.from({ length: 99 }, (_, index) => insert.bind(`w${index}`)))
    await create({ name: 'last' })
    const more = { body: { name: 'more', url: URL_ELSEWHERE } }
    expect(await failure('POST', '/webhooks', more)).toBe(
      '409 CONFLICT: the webhook more was not created: there are already 100 webhooks',
    )
  })

  it('is deleted with everything stored about it', async () => {
    const { id } = await create()
    await db.batch([
      db
        .prepare(
          `INSERT INTO dead_letters (endpoint, event_id, event, error, attempts, at)
          VALUES (?1, 'e', '{}', 'x', 1, 1)`,
        )
        .bind(id),
      db.prepare(`INSERT INTO endpoint_states VALUES (?1, 1, NULL, 1)`).bind(id),
    ])
    expect((await call('DELETE', `/webhooks/${id}`)).status).toBe(204)
    for (const table of ['webhooks', 'dead_letters', 'endpoint_states']) {
      const { results } = await db.prepare(`SELECT * FROM ${table}`).all()
      expect(results, table).toEqual([])
    }
    expect(await failure('DELETE', `/webhooks/${id}`)).toBe('404 NOT_FOUND: no such webhook')
    expect((await audited()).map(({ action, target }) => [action, target])).toEqual([
      ['webhook.delete', id],
      ['webhook.create', id],
    ])
  })
})

describe('a change', () => {
  it('replaces the fields that it gives, and no others', async () => {
    const {
      id,
      secret: _,
      ...before
    } = await create({
      headers: { 'X-A': 'one' },
      timeout: '1s',
      disabled: true,
    })
    const changed = await call('PATCH', `/webhooks/${id}`, {
      body: { threshold: 2, headers: {}, actions: ['push'] },
    })
    expect(changed.body).toEqual({
      ...before,
      id,
      threshold: 2,
      headers: {},
      actions: ['push'],
      updatedAt: expect.any(String),
    })
    const enabled = await call('PATCH', `/webhooks/${id}`, { body: { disabled: false } })
    expect(enabled.body).toMatchObject({ threshold: 2, timeout: 1000, disabled: false })
    expect((await audited()).map(({ detail }) => detail)).toEqual([
      { name: 'ci', host: 'ci.example', fields: ['disabled'], disabled: false },
      {
        name: 'ci',
        host: 'ci.example',
        fields: ['headers', 'threshold', 'actions'],
        disabled: null,
      },
      { name: 'ci', host: 'ci.example', disabled: true },
    ])
  })

  it('replaces the ignored media types, in either field', async () => {
    const { id } = await create({ ignoredmediatypes: ['a/a'], ignore: { actions: ['pull'] } })
    const ignored = async (body: object) =>
      (await call('PATCH', `/webhooks/${id}`, { body })).body.ignore
    expect(await ignored({ threshold: 3 })).toEqual({ mediatypes: ['a/a'], actions: ['pull'] })
    expect(await ignored({ ignoredmediatypes: ['b/b'] })).toEqual({
      mediatypes: ['b/b'],
      actions: ['pull'],
    })
    expect(await ignored({ ignore: { mediatypes: ['c/c'] } })).toEqual({
      mediatypes: ['c/c'],
      actions: [],
    })
  })

  it('keeps headers only for a URL of the same origin', async () => {
    const { id } = await create({ headers: { Authorization: TOKEN } })
    const move = (url: string, more: object = {}) => ({ body: { url, ...more } })
    const path = `/webhooks/${id}`
    expect((await call('PATCH', path, move('https://ci.example/elsewhere'))).status).toBe(200)
    for (const url of [URL_ELSEWHERE, 'https://ci.example:8443/hook']) {
      expect(await failure('PATCH', path, move(url))).toMatch(
        /^400 .*headers: required when the URL moves/,
      )
    }
    const moved = await call('PATCH', path, move(URL_ELSEWHERE, { headers: { 'X-A': 'b' } }))
    expect(moved.body).toMatchObject({ url: URL_ELSEWHERE, headers: { 'X-A': '•••' } })
    expect((await call('PATCH', path, move('https://c.example/', { headers: {} }))).status).toBe(
      200,
    )
    expect((await call('PATCH', path, move('https://d.example/'))).status).toBe(200)
  })

  it('does not write back the mask of a header', async () => {
    const { id, headers } = await create({ headers: { Authorization: TOKEN } })
    expect(await failure('PATCH', `/webhooks/${id}`, { body: { headers } })).toMatch(
      /^400 .*headers\.Authorization: /,
    )
  })

  it('does not undo another change that came between', async () => {
    const { id } = await create()
    const by = { actor: 'a', address: '', requestId: 'r', at: 2 }
    const noted = (await audited()).length
    const row = await db
      .prepare('SELECT config, secrets FROM webhooks WHERE id = ?1')
      .bind(id)
      .first<{ config: string; secrets: string }>()
    const { config = '', secrets = '' } = row ?? {}
    const configure = (before: string, disabled: boolean | null = null) =>
      configureWebhook(db, by, id, { before, after: config, disabled }, {})
    const replace = (before: string) =>
      replaceWebhookSecrets(db, by, id, { before, after: secrets }, {})
    expect(await configure('{}', true)).toBe(false)
    expect(await replace('{}')).toBe(false)
    expect(await audited()).toHaveLength(noted)
    expect((await call('GET', `/webhooks/${id}`)).body.disabled).toBe(false)
    expect(await configure(config)).toBe(true)
    expect(await replace(secrets)).toBe(true)
    expect(await audited()).toHaveLength(noted + 2)
  })

  it('is refused if another one happens at the same time', async () => {
    const { id } = await create()
    const path = `/webhooks/${id}`
    // The other change comes between this one's reading and its writing.
    const late = new Proxy(db, {
      get(target, name) {
        if (name !== 'batch') return Reflect.get(target, name).bind(target)
        return async (statements: D1PreparedStatement[]) => {
          const results = await target.batch(statements)
          await target
            .prepare(`UPDATE webhooks SET config = replace(config, 'hook', 'hooks'), secrets = ?1`)
            .bind(JSON.stringify({ current: SECRET, previous: null }))
            .run()
          return results
        }
      },
    })
    const env = { ...withVariable, DB: late }
    const options = { environment: env, body: { threshold: 2 } }
    const told = /^409 CONFLICT: another request changed the webhook at the same time: try again$/
    expect(await failure('PATCH', path, options)).toMatch(told)
    await db.prepare(`UPDATE webhooks SET config = replace(config, 'hooks', 'hook')`).run()
    const secrets = JSON.stringify({ current: SECRET.replace('B', 'C'), previous: null })
    await db.prepare('UPDATE webhooks SET secrets = ?1').bind(secrets).run()
    expect(await failure('POST', `${path}/rotate-secret`, { environment: env, body: {} })).toMatch(
      told,
    )
  })
})

describe('a rotation', () => {
  const DAY = 24 * 60 * 60_000

  interface Secrets {
    current: string
    previous: { secret: string; until: number } | null
  }

  async function secretsOf(name = 'ci'): Promise<Secrets> {
    const row = await db
      .prepare('SELECT secrets FROM webhooks WHERE name = ?1')
      .bind(name)
      .first<{ secrets: string }>()
    return JSON.parse(row?.secrets ?? '')
  }

  it('shows the new secret once, and keeps the old one for a day', async () => {
    const { id, secret: old } = await create()
    const { body } = await call('POST', `/webhooks/${id}/rotate-secret`, { body: {} })
    expect(body.secrets).toBe(2)
    expect(body.secret).not.toBe(old)
    const { current, previous } = await secretsOf()
    expect(current).toBe(body.secret)
    expect(previous?.secret).toBe(old)
    expect(Math.abs((previous?.until ?? 0) - Date.now() - DAY)).toBeLessThan(60_000)
    answered = ''
    expect((await call('GET', `/webhooks/${id}`)).body).toMatchObject({ secrets: 2 })
    const [entry] = await audited()
    expect(entry).toMatchObject({
      action: 'webhook.rotate-secret',
      target: id,
      detail: { name: 'ci', previousUntil: expect.any(String) },
    })
    for (const one of [old ?? '', current]) expect(answered).not.toContain(one)
  })

  it.each([
    ['1h', 2],
    [60_000, 2],
    ['168h', 2],
    ['0s', 1],
    [0, 1],
  ])('keeps the old secret for %s if requested', async (overlap, count) => {
    const { id } = await create()
    const { body } = await call('POST', `/webhooks/${id}/rotate-secret`, { body: { overlap } })
    expect(body.secrets).toBe(count)
  })

  it('accepts a given secret, except the current one', async () => {
    const { id, secret } = await create()
    const rotate = (body: object) => ({ body })
    const path = `/webhooks/${id}/rotate-secret`
    expect(await failure('POST', path, rotate({ secret }))).toMatch(
      /^400 .*secret: this is the cur/,
    )
    await callApi('POST', path, rotate({ secret: SECRET }))
    expect((await secretsOf()).current).toBe(SECRET)
  })

  it('gives a secret to a webhook that has none', async () => {
    const { id } = await create()
    await db.prepare('UPDATE webhooks SET secrets = NULL').run()
    expect((await call('GET', `/webhooks/${id}`)).body.secrets).toBe(0)
    const { body } = await call('POST', `/webhooks/${id}/rotate-secret`, { body: {} })
    expect(body.secrets).toBe(1)
  })
})

describe('a webhook of the WEBHOOKS variable', () => {
  it('is listed first, with its effective values', async () => {
    const { id } = await create({ name: 'a' })
    const all = await list()
    expect(all.map((one) => one.id)).toEqual(['var:fixed', id])
    expect(all[0]).toMatchObject({
      name: 'fixed',
      readOnly: true,
      headers: { Authorization: '•••' },
      timeout: 500,
      ignore: { mediatypes: ['application/octet-stream'], actions: [] },
      secrets: 1,
      createdAt: null,
      updatedAt: null,
    })
    expect((await call('GET', '/webhooks/var:fixed')).body).toEqual(all[0])
  })

  it('cannot be changed here', async () => {
    const told = '409 CONFLICT: fixed is configured in the WEBHOOKS variable: change it there'
    const path = '/webhooks/var:fixed'
    expect(await failure('PATCH', path, { body: { disabled: true } })).toBe(told)
    expect(await failure('POST', `${path}/rotate-secret`, { body: {} })).toBe(told)
    expect(await failure('DELETE', path)).toBe(told)
    expect(await audited()).toEqual([])
  })
})

describe('what is refused', () => {
  const address = 'url: the '

  it.each([
    [{ url: 'http://ci.example/' }, `${address}URL must begin with https://`],
    [{ url: 'https://user:pw@ci.example/' }, `${address}URL contains credentials`],
    [{ url: 'https://127.0.0.1/' }, `${address}host is an IP address`],
    [{ url: 'https://0x7f000001/' }, `${address}host is an IP address`],
    [{ url: 'https://[::1]/' }, `${address}host is an IP address`],
    [{ url: 'https://metadata.google.internal/' }, `${address}host name belongs to a private`],
    [{ url: 3 }, 'url: takes a URL'],
    [{ name: 'a b' }, 'name: takes 1 to 64 characters'],
    [{ name: 'var:a' }, 'name: takes 1 to 64 characters'],
    [{ headers: { 'Webhook-Id': 'x' } }, 'headers: has an invalid header name, or a header that'],
    [{ headers: { A: 'x\ny' } }, 'headers.A: '],
    [{ timeout: '1h' }, 'timeout: takes a duration'],
    [{ threshold: 0 }, 'threshold: takes a whole number'],
    [{ backoff: 'soon' }, 'backoff: takes a duration'],
    [{ ignore: { actions: ['fly'] } }, 'ignore.actions[0]: takes push'],
    [{ ignore: { more: [] } }, 'ignore.more: unknown field'],
    [{ repositories: ['a*'] }, 'repositories[0]: takes repository patterns'],
    [{ format: 'v3' }, 'format: takes v1'],
    [{ secret: 'whsec_short' }, 'secret: takes "whsec_"'],
    [{ secret: [SECRET] }, 'secret: '],
    [{ readOnly: false }, 'readOnly: unknown field'],
  ])('as a webhook: %j', async (body, problem) => {
    const whole = { name: 'ci', url: 'https://ci.example/', ...body }
    const said = await failure('POST', '/webhooks', { body: whole })
    expect(said).toContain(`400 REQUEST_INVALID: invalid request: ${problem}`)
    expect(await list()).toHaveLength(1)
  })

  it.each([
    [{ url: 'https://127.1/' }, `${address}host is an IP address`],
    [{ name: 'other' }, 'name: unknown field'],
    [{ secret: SECRET }, 'secret: unknown field'],
    [{ id: 'x' }, 'id: unknown field'],
    [{ disabled: 'yes' }, 'disabled: takes true or false'],
    [{ headers: null }, 'headers: takes'],
  ])('as a change: %j', async (body, problem) => {
    const { id, secret: _, ...before } = await create()
    const said = await failure('PATCH', `/webhooks/${id}`, { body })
    expect(said).toContain(`400 REQUEST_INVALID: invalid request: ${problem}`)
    expect((await call('GET', `/webhooks/${id}`)).body).toEqual({ id, ...before })
  })

  it.each([
    { overlap: '169h' },
    { overlap: '-1s' },
    { overlap: 'later' },
    { secret: 'x' },
    { more: 1 },
  ])('as a rotation: %j', async (body) => {
    const { id } = await create()
    const path = `/webhooks/${id}/rotate-secret`
    expect(await failure('POST', path, { body })).toMatch(/^400 REQUEST_INVALID/)
  })

  it('a host that is not in the list', async () => {
    const listed = { ...environment, WEBHOOK_HOSTS: '*.example.com' }
    const post = (url: string) => ({ environment: listed, body: { name: 'x', url } })
    expect(await failure('POST', '/webhooks', post('https://ci.example/'))).toContain(
      'url: the host is not in the list',
    )
    expect((await call('POST', '/webhooks', post('https://ci.example.com/'))).status).toBe(201)
    const here = post('http://127.0.0.1:9000/')
    const loopback = { ...environment, ALLOW_LOOPBACK: 'true' }
    expect(await failure('POST', '/webhooks', { ...here, environment })).toMatch(/^400/)
    const local = { environment: loopback, body: { name: 'y', url: 'http://127.0.0.1:9000/' } }
    expect((await call('POST', '/webhooks', local)).status).toBe(201)
  })

  const ofOne = operations.filter(({ path }) => path.startsWith('/webhooks/{id}'))
  const bodies: Record<string, object> = {
    updateWebhook: {},
    rotateWebhookSecret: {},
    replayWebhook: { deadLetter: 1 },
  }

  it.each(ofOne.map((one) => [one.id, one] as const))(
    '%s of what there is not',
    async (operation, { method, path }) => {
      const body = bodies[operation]
      for (const id of [crypto.randomUUID(), 'var:absent']) {
        const said = await failure(method.toUpperCase(), path.replace('{id}', id), { body })
        expect(said).toBe('404 NOT_FOUND: no such webhook')
      }
      for (const id of ['fixed', 'VAR:fixed', 'var:', 'var:a:b', crypto.randomUUID().slice(1)]) {
        const said = await failure(method.toUpperCase(), path.replace('{id}', id), { body })
        expect(said, id).toMatch(/^400 REQUEST_INVALID: .*id: the id of a webhook/)
      }
    },
  )

  it('callers who are not administrators', async () => {
    const { id } = await create()
    const as = { user: 'eve', password: 'the password of eve' }
    await callApi('POST', '/accounts', { body: { name: as.user, password: as.password } })
    const principal = 'account:eve'
    await callApi('PUT', '/grants', { body: { principal, pattern: '*', actions: ['admin'] } })
    const all = operations.filter(({ path }) => path.startsWith('/webhooks'))
    expect(all).toHaveLength(10)
    for (const { id: operation, method, path } of all) {
      const body = operation === 'createWebhook' ? {} : bodies[operation]
      for (const one of [id, 'var:fixed']) {
        const said = await failure(method.toUpperCase(), path.replace('{id}', one), { as, body })
        expect(said, operation).toMatch(/^403 DENIED/)
      }
    }
  })
})
