/** The matrix again, by ways to write a path: what is decided on is what is served, whatever the path looks like. */
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { makeCredentials } from '../support/access-credentials.ts'
import { Ledger } from '../support/access-ledger.ts'
import { judge } from '../support/access-model.ts'
import { SPELLINGS, type Spelling } from '../support/access-paths.ts'
import { ROUTES, type Route } from '../support/access-routes.ts'
import { buildWorld, THERE } from '../support/access-world.ts'
import { send } from '../support/registry.ts'

const world = await buildWorld()

const SENDERS = [
  'no header',
  'Basic of puller',
  'Basic of pull-push-delete',
  'Basic of stars',
  'token of pull-push-delete for all',
  'anonymous token for all',
]
const credentials = (await makeCredentials(world)).filter(({ name }) => SENDERS.includes(name))

const TAILS = [
  'GET /tags/list',
  'GET /manifests/latest',
  `HEAD /blobs/${world.content.layer}`,
  `GET /referrers/${world.content.first}`,
  'POST /blobs/uploads/',
  'PATCH /blobs/uploads/x',
  'PUT /manifests/latest',
  'DELETE /manifests/absent',
]
const routes = ROUTES.filter(({ method, tail }) =>
  TAILS.includes(`${method} ${tail(world.content)}`),
)

const NAMES = ['kids/app', 'deep/app', 'public/app', 'none/app', 'kids/gone']

const ledger = new Ledger()

function nameFor(route: number, sender: number): string {
  return NAMES[(route + sender) % NAMES.length] ?? ''
}

beforeAll(() => {
  vi.spyOn(console, 'log').mockReturnValue(undefined)
})

function expectedStatus({ reading }: Spelling, route: Route, name: string, sender: number): number {
  const meant = reading(name, route.tail(world.content))
  if (typeof meant === 'number') return meant
  const credential = credentials[sender]
  if (credential === undefined) throw new Error('no such credential')
  const verdict = judge(credential.sender, meant.name, route.needs, world.rules, credential.mode)
  if (verdict !== 'in') return verdict
  return THERE.includes(meant.name) ? route.there : route.gone
}

describe.each(SPELLINGS)('$title', (spelling) => {
  it('is read as what it means, or not at all', async () => {
    for (const [at, route] of routes.entries()) {
      for (const [sender, { name: title, authorization, environment }] of credentials.entries()) {
        const name = nameFor(at, sender)
        const url = spelling.url(name, route.tail(world.content))
        const headers = new Headers(route.type === undefined ? {} : { 'Content-Type': route.type })
        if (authorization !== null) headers.set('Authorization', authorization)
        const body = route.body?.(world.content)
        const init = body === undefined ? { headers } : { headers, body }
        const response = await send(route.method, url, init, environment)
        const expected = expectedStatus(spelling, route, name, sender)
        await ledger.enter(title, `${route.method} ${url}`, expected, response)
      }
    }
    ledger.settle()
  })
})

it('has every sender, every route and every relation to a repository', () => {
  expect([credentials.length, routes.length]).toEqual([SENDERS.length, TAILS.length])
  expect(
    new Set(routes.flatMap((_, at) => credentials.map((_, sender) => nameFor(at, sender)))),
  ).toEqual(new Set(NAMES))
  expect(ledger.cases).toBe(SPELLINGS.length * routes.length * credentials.length)
})
