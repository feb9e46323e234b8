/** Routes that stand on no repository, every route of the administration API, and every method of every route. */
import { beforeAll, describe, expect, it, vi } from 'vitest'
import type { Credential } from '../support/access-credential.ts'
import { makeCredentials } from '../support/access-credentials.ts'
import { Ledger } from '../support/access-ledger.ts'
import {
  bitsOn,
  judge,
  judgeList,
  judgeOffice,
  listed,
  type Office,
  PULL,
  RULE,
  type Verdict,
} from '../support/access-model.ts'
import { buildWorld, THERE, withdraw } from '../support/access-world.ts'
import { send } from '../support/registry.ts'

const world = await buildWorld()
const made = await makeCredentials(world)
const ledger = new Ledger()
/** Kinds of credential, and what was asked with them. */
const tried = new Set<string>()

beforeAll(async () => {
  await withdraw(world.tokens)
  vi.spyOn(console, 'log').mockReturnValue(undefined)
})

/** One of each kind: all names and passwords, and some of the others. */
const credentials = made.filter(
  ({ name, slow }) =>
    name.startsWith('Basic of ') ||
    slow ||
    /^(no header|rubbish|htpasswd|external|a |an |bearer: )/.test(name) ||
    /^(token of (admin|puller|administrator\/all)|anonymous token) for (all|nothing)$/.test(name),
)

const slow = credentials.filter((credential) => credential.slow)

const isAdmin = ({ sender, mode }: Credential) =>
  judgeOffice(sender, 'operator', world.rules, mode) === 'in'
const isPuller = ({ account }: Credential) => account === 'puller'
const bits = ({ sender, mode }: Credential, name: string) => bitsOn(sender, name, world.rules, mode)

interface Call {
  office: Office
  /** As the OpenAPI document has it; the path itself where that is the same. */
  route: string
  path?: string
  body?: unknown
  /** For who holds the office. */
  status: (credential: Credential) => number
}

const PULLER = { route: '/accounts/{name}', path: '/accounts/puller' }
const REPOSITORY = { route: '/repositories/{repository}', path: '/repositories/none/app' }
const ID = crypto.randomUUID()

/** Of a webhook that there is not. */
function webhook(method: string, tail: string, body?: unknown): Call {
  const route = `${method} /webhooks/{id}${tail}`
  return { office: 'operator', route, path: `/webhooks/${ID}${tail}`, body, status: () => 404 }
}

const CALLS: readonly Call[] = [
  { office: 'anyone', route: 'GET /openapi.json', status: () => 200 },
  { office: 'somebody', route: 'GET /account', status: () => 200 },
  { office: 'operator', route: 'GET /accounts', status: () => 200 },
  { office: 'operator', route: 'POST /accounts', body: {}, status: () => 400 },
  {
    office: 'somebody',
    route: `GET ${PULLER.route}`,
    path: PULLER.path,
    status: (one) => (isAdmin(one) || isPuller(one) ? 200 : 403),
  },
  {
    office: 'somebody',
    route: `PATCH ${PULLER.route}`,
    path: PULLER.path,
    body: { disabled: false },
    status: (one) => (isAdmin(one) ? 200 : 403),
  },
  {
    office: 'operator',
    route: `DELETE ${PULLER.route}`,
    path: '/accounts/absent',
    status: () => 404,
  },
  {
    office: 'somebody',
    route: `POST ${PULLER.route}/sign-out`,
    path: '/accounts/absent/sign-out',
    status: (one) => (isAdmin(one) ? 404 : 403),
  },
  {
    office: 'somebody',
    route: 'GET /tokens',
    status: (one) => (isAdmin(one) || one.account !== null ? 200 : 403),
  },
  {
    office: 'somebody',
    route: 'GET /tokens',
    path: '/tokens?account=puller',
    status: (one) => (isAdmin(one) || isPuller(one) ? 200 : 403),
  },
  {
    office: 'somebody',
    route: 'POST /tokens',
    body: { account: 'puller', name: 'wide' },
    status: (one) => (isAdmin(one) || isPuller(one) ? 409 : 403),
  },
  {
    office: 'somebody',
    route: 'DELETE /tokens/{id}',
    path: `/tokens/${ID}`,
    status: () => 404,
  },
  { office: 'operator', route: 'GET /grants', status: () => 200 },
  { office: 'operator', route: 'PUT /grants', body: {}, status: () => 400 },
  {
    office: 'operator',
    route: 'DELETE /grants',
    path: '/grants?principal=anonymous&pattern=absent',
    status: () => 404,
  },
  { office: 'operator', route: 'GET /trust-rules', status: () => 200 },
  { office: 'operator', route: 'POST /trust-rules', body: {}, status: () => 400 },
  {
    office: 'operator',
    route: 'GET /trust-rules/{name}',
    path: '/trust-rules/absent',
    status: () => 404,
  },
  {
    office: 'operator',
    route: 'DELETE /trust-rules/{name}',
    path: '/trust-rules/absent',
    status: () => 404,
  },
  { office: 'somebody', route: 'GET /repositories', status: () => 200 },
  {
    office: 'somebody',
    route: `GET ${REPOSITORY.route}`,
    path: REPOSITORY.path,
    status: (one) => (bits(one, 'none/app') & PULL ? 200 : 404),
  },
  {
    office: 'somebody',
    route: `GET ${REPOSITORY.route}`,
    path: '/repositories/none/gone',
    status: () => 404,
  },
  {
    office: 'somebody',
    route: `GET ${REPOSITORY.route}/manifests`,
    path: `${REPOSITORY.path}/manifests`,
    status: (one) => (bits(one, 'none/app') & PULL ? 200 : 404),
  },
  {
    office: 'somebody',
    route: `PATCH ${REPOSITORY.route}`,
    path: REPOSITORY.path,
    body: { visibility: 'private' },
    status: (one) => {
      if (!(bits(one, 'none/app') & PULL)) return 404
      return bits(one, 'none/app') & RULE ? 200 : 403
    },
  },
  {
    office: 'somebody',
    route: `PATCH ${REPOSITORY.route}`,
    path: '/repositories/none/gone',
    body: { visibility: 'private' },
    status: () => 404,
  },
  {
    office: 'somebody',
    route: `DELETE ${REPOSITORY.route}`,
    path: '/repositories/none/gone',
    status: () => 404,
  },
  { office: 'operator', route: 'POST /token-keys/rotate', status: () => 200 },
  { office: 'operator', route: 'GET /audit', status: () => 200 },
  { office: 'operator', route: 'GET /webhooks', status: () => 200 },
  { office: 'operator', route: 'POST /webhooks', body: {}, status: () => 400 },
  webhook('GET', ''),
  webhook('PATCH', '', {}),
  webhook('DELETE', ''),
  webhook('POST', '/rotate-secret', {}),
  webhook('POST', '/ping'),
  webhook('GET', '/deliveries'),
  webhook('GET', '/dead-letters'),
  webhook('POST', '/replay', { deadLetter: 1 }),
  { office: 'somebody', route: 'GET /events', status: () => 200 },
]

async function ask(
  { name, sender, authorization, environment }: Credential,
  [method = '', path = '']: string[],
  expected: number,
  body?: unknown,
): Promise<Response> {
  const type = body === undefined ? {} : { 'Content-Type': 'application/json' }
  const headers = { ...type, ...(authorization === null ? {} : { Authorization: authorization }) }
  const init = body === undefined ? { headers } : { headers, body: JSON.stringify(body) }
  const response = await send(method, path, init, environment)
  await ledger.enter(name, `${method} ${path}`, expected, response.clone())
  tried.add(`${sender.shows} ${method} ${path}`)
  return response
}

describe('the administration API', () => {
  it('has no other operations than those that are tried here', async () => {
    const response = await send('GET', '/api/v1/openapi.json')
    const { paths } = await response.json<{ paths: Record<string, object> }>()
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    const tried = CALLS.map(({ route }) => route).filter((route) => !route.endsWith('openapi.json'))
    expect(operations.sort()).toEqual([...new Set(tried)].sort())
  })

  it.each(credentials)('answers $name as the model does', async (credential) => {
    const { sender, mode } = credential
    for (const [index, { office, route, path, body, status }] of CALLS.entries()) {
      // Each operation with one of them: each request with them costs a slow hash.
      if (credential.slow && slow[index % slow.length] !== credential) continue
      const [method = '', template = ''] = route.split(' ')
      const verdict = judgeOffice(sender, office, world.rules, mode)
      const expected = verdict === 'in' ? status(credential) : verdict
      await ask(credential, [method, `/api/v1${path ?? template}`], expected, body)
    }
    ledger.settle()
  })

  it.each(credentials.filter(({ sender }) => sender.shows === 'password'))(
    'lists to $name what it may pull',
    async (credential) => {
      const { sender, mode } = credential
      const response = await ask(credential, ['GET', '/api/v1/repositories?n=1000'], 200)
      const { repositories } = await response.json<{ repositories: { name: string }[] }>()
      expect(repositories.map(({ name }) => name)).toEqual(listed(sender, THERE, world.rules, mode))
    },
  )
})

describe('routes without a repository', () => {
  it.each(credentials)('answer $name as the model does', async (credential) => {
    const { sender, mode, slow } = credential
    const status = (verdict: Verdict) => (verdict === 'in' ? 200 : verdict)
    const anyone: Verdict = mode.open || sender.shows === 'password' ? 'in' : 401
    const version = sender.shows === 'ticket' ? 'in' : anyone
    await ask(credential, ['GET', '/v2/'], status(version))
    if (!slow) {
      for (const path of ['/', '/healthz', '/readyz', '/docs', '/docs/api']) {
        await ask(credential, ['GET', path], 200)
      }
      const office = judgeOffice(sender, 'operator', world.rules, mode)
      for (const method of ['GET', 'HEAD'])
        await ask(credential, [method, '/metrics'], status(office))
      await ask(credential, ['HEAD', '/v2'], status(version))
      await ask(credential, ['GET', '/v2/_catalog?n=1'], status(judgeList(sender, mode)))
      for (const path of [
        '/v2/_catalog/',
        '/v3/',
        '/v2/x',
        '/api/v1/x',
        '/api/v2/',
        '/docs/x',
        '/favicon.ico',
      ]) {
        await ask(credential, ['GET', path], 404)
      }
    }
    ledger.settle()
  })
})

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'OPTIONS']

const OFFERED: Readonly<Record<string, string>> = {
  '/v2/': 'GET HEAD',
  '/v2/_catalog': 'GET HEAD',
  '/v2/none/app/tags/list': 'GET HEAD',
  '/v2/none/gone/tags/list': 'GET HEAD',
  '/v2/none/app/manifests/latest': 'GET HEAD PUT DELETE',
  '/v2/none/gone/manifests/latest': 'GET HEAD PUT DELETE',
  [`/v2/none/app/blobs/${world.content.layer}`]: 'GET HEAD DELETE',
  [`/v2/none/gone/blobs/${world.content.layer}`]: 'GET HEAD DELETE',
  [`/v2/none/app/referrers/${world.content.first}`]: 'GET HEAD',
  '/v2/none/app/blobs/uploads/': 'POST',
  '/v2/none/app/blobs/uploads/x': 'GET HEAD PATCH PUT DELETE',
  '/token': 'GET HEAD POST',
  '/api/v1/account': 'GET HEAD',
  '/healthz': 'GET HEAD',
  '/docs': 'GET HEAD',
  '/metrics': 'GET HEAD',
}

describe('a method that a route does not have', () => {
  const names = ['no header', 'Basic of nothing', 'Basic of stars', 'bearer: rubbish']
  const some = made.filter(({ name }) => names.includes(name))

  it.each(Object.entries(OFFERED))('is refused to everybody alike: %s', async (path, offered) => {
    expect(some).toHaveLength(names.length)
    for (const method of METHODS) {
      if (offered.split(' ').includes(method)) continue
      for (const credential of some) {
        const expected = method === 'OPTIONS' ? 200 : 405
        const { headers } = await ask(credential, [method, path], expected)
        const allowed = headers.get('Allow')?.split(', ') ?? []
        expect(allowed.filter((one) => !offered.split(' ').includes(one))).toEqual([])
      }
    }
    ledger.settle()
  })
})

it('is no other route for headers that say so', async () => {
  const [credential] = made.filter(({ name }) => name === 'no header')
  if (credential === undefined) throw new Error('no such credential')
  const path = '/v2/none/app/manifests/latest'
  for (const name of ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override']) {
    const headers = { [name]: 'OPTIONS' }
    expect((await send('GET', path, { headers }, credential.environment)).status).toBe(401)
  }
  for (const name of ['X-Original-URL', 'X-Rewrite-URL', 'X-Forwarded-Prefix', 'X-Forwarded-Uri']) {
    const headers = { [name]: '/healthz' }
    expect((await send('GET', path, { headers }, credential.environment)).status).toBe(401)
  }
  for (const name of ['X-Forwarded-User', 'Remote-User', 'X-Remote-User', 'X-User', 'Cookie']) {
    const headers = { [name]: 'admin' }
    expect((await send('GET', path, { headers }, credential.environment)).status).toBe(401)
  }
  const verdict = judge(credential.sender, 'none/app', PULL, world.rules, credential.mode)
  expect(verdict).toBe(401)
})

it('asks everything with every kind of credential', () => {
  const asked = CALLS.map(({ route, path }) => {
    const [method = '', template = ''] = route.split(' ')
    return `${method} /api/v1${path ?? template}`
  })
  const plain = [
    'GET /v2/',
    'HEAD /v2',
    'GET /',
    'GET /healthz',
    'GET /readyz',
    'GET /metrics',
    'GET /docs',
  ]
  const all = ['nothing', 'password', 'rubbish', 'ticket'].flatMap((kind) =>
    [...asked, ...plain, 'GET /v2/_catalog?n=1'].map((request) => `${kind} ${request}`),
  )
  expect(all.filter((one) => !tried.has(one))).toEqual([])
})
