/**
 * The matrix of authorisation: every route by every kind of credential by every relation to the repository, held against a model
 * of the policy that shares no code with the registry.
 */
import { beforeAll, describe, expect, it, vi } from 'vitest'
import type { Credential } from '../support/access-credential.ts'
import { makeCredentials } from '../support/access-credentials.ts'
import { Ledger } from '../support/access-ledger.ts'
import { judge, judgeList, listed, MOVE } from '../support/access-model.ts'
import { NEEDS, ROUTES, type Route, routesFor } from '../support/access-routes.ts'
import { buildWorld, REPOSITORIES, restore, THERE, withdraw } from '../support/access-world.ts'
import { send } from '../support/registry.ts'

const world = await buildWorld()
const credentials = await makeCredentials(world)
const ledger = new Ledger()

/** Granted, public, and neither. */
const FEW = ['exact/app', 'public/app', 'none/app', 'none/gone', 'exact/gone']

beforeAll(async () => {
  // Thousands of events would stand in the log.
  vi.spyOn(console, 'log').mockReturnValue(undefined)
  // What was withdrawn is noticed within a minute: that does not end here, however slow the machine is.
  vi.spyOn(Date, 'now').mockReturnValue(Date.now())
  await withdraw(world.tokens)
})

async function ask({ authorization, environment }: Credential, method: string, path: string) {
  const headers = authorization === null ? {} : { Authorization: authorization }
  return send(method, path, { headers }, environment)
}

/** What was tried: kinds of credential, routes and relations; and each credential with each repository. */
const tried = new Set<string>()
const related = new Set<string>()

function caseOf(kind: string, route: Route, name: string): string {
  return `${kind} ${ROUTES.indexOf(route)} ${name}`
}

/** Sends the request of the route, and holds its answer against the model's. */
async function check(credential: Credential, route: Route, name: string): Promise<void> {
  const { sender, mode, environment, authorization } = credential
  tried.add(caseOf(sender.shows, route, name))
  related.add(`${credential.name} ${name}`)
  const exists = THERE.includes(name)
  // Where there is no repository, there is no tag that would be moved.
  const needs = exists ? route.needs : route.needs & ~MOVE
  const verdict = judge(sender, name, needs, world.rules, mode)
  const path = `/v2/${name}${route.tail(world.content)}`
  const headers = new Headers(route.type === undefined ? {} : { 'Content-Type': route.type })
  if (authorization !== null) headers.set('Authorization', authorization)
  const body = route.body?.(world.content)
  if (body !== undefined) headers.set('Content-Length', String(body.length))
  const init = body === undefined ? { headers } : { headers, body }
  const response = await send(route.method, path, init, environment)
  if (exists && response.ok && route.changes !== undefined) await restore(name, world.content)
  const expected = verdict === 'in' ? (exists ? route.there : route.gone) : verdict
  await ledger.enter(credential.name, `${route.method} ${path}`, expected, response)
}

/** Every route by each of FEW. */
const PAIRS = ROUTES.flatMap((route) => FEW.map((name) => ({ route, name })))

function mayOpen({ sender }: Credential): boolean {
  return sender.shows === 'password' || sender.shows === 'ticket'
}

const turn = <T>(choices: readonly T[], index: number): T[] =>
  choices.slice(index % choices.length).slice(0, 1)

/** Every relation to a repository, with something or everything to do there. */
function* relations(credential: Credential): Generator<[Route, string]> {
  const at = credentials.indexOf(credential)
  for (const [index, name] of REPOSITORIES.entries()) {
    const needs = credential.thorough ? NEEDS : turn(NEEDS, at + index)
    for (const need of needs) {
      for (const route of turn(routesFor(need), at + index)) yield [route, name]
    }
  }
}

/**
 * Credentials of one kind share every route by every kind of relation; those that cost a slow hash, nearly every route. What may open
 * something is tried in every relation besides.
 */
function* choose(credential: Credential): Generator<[Route, string]> {
  const { sender, slow } = credential
  if (mayOpen(credential)) yield* relations(credential)
  const alike = credentials.filter((one) => one.sender.shows === sender.shows && one.slow === slow)
  const pairs = slow ? PAIRS.filter((_, index) => index % (FEW.length + 1) === 0) : PAIRS
  for (const [index, { route, name }] of pairs.entries()) {
    if (index % alike.length === alike.indexOf(credential)) yield [route, name]
  }
}

describe.each(credentials)('$name', (credential) => {
  it('gets what the model gives it', async () => {
    for (const [route, name] of choose(credential)) await check(credential, route, name)
    ledger.settle()
  })

  it('sees the repositories that it may pull from', async () => {
    const { sender, mode, listsAll } = credential
    const verdict = judgeList(sender, mode)
    const expected = verdict === 'in' ? 200 : verdict
    const response = await ask(credential, 'GET', '/v2/_catalog?n=1000')
    await ledger.enter(credential.name, 'GET /v2/_catalog', expected, response.clone())
    ledger.settle()
    if (verdict !== 'in') return
    const { repositories } = await response.json<{ repositories: string[] }>()
    expect(repositories).toEqual(
      listsAll ? THERE.toSorted() : listed(sender, THERE, world.rules, mode),
    )
  })
})

it('tries every route with every kind of credential in every kind of relation to a repository', () => {
  const kinds = [...new Set(credentials.map(({ sender }) => sender.shows))]
  expect(kinds.sort()).toEqual(['nothing', 'password', 'rubbish', 'ticket'])
  const all = kinds.flatMap((kind) => PAIRS.map(({ route, name }) => caseOf(kind, route, name)))
  expect(all.filter((one) => !tried.has(one))).toEqual([])
})

it('tries every credential that may open something in every relation to a repository', () => {
  const some = credentials.filter(mayOpen)
  const all = some.flatMap((one) => REPOSITORIES.map((name) => `${one.name} ${name}`))
  expect(all.filter((one) => !related.has(one))).toEqual([])
})
