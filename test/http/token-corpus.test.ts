/**
 * Some bad tokens of every kind against the running registry: 401 to each of them, with a challenge, on every kind of route. All of
 * them are tried in ../auth/tokens/token-corpus.test.ts.
 */
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { currentKey } from '../../src/auth/tokens/token-keys.ts'
import type { Env } from '../../src/http/middleware/context.ts'
import { goodClaims, goodHeader, type Target } from '../support/bad-token-table.ts'
import { badTokenGroups } from '../support/bad-tokens.ts'
import { registryForger, signed } from '../support/forged-tokens.ts'
import { bindings, errorCodes, pushImage, send } from '../support/registry.ts'

const { OPEN_ACCESS: _, ...closed } = bindings
const locked: Env = { ...closed, ADMIN_PASSWORD: 'the administrator, really' }

await pushImage('private/app', 'latest')
await currentKey(env.DB)
const now = Math.floor(Date.now() / 1000)
const target: Target = { registry: await registryForger(env.DB), service: 'berth', now }

type Route = [method: string, path: string]

const ROUTES: Route[] = [
  ['GET', '/v2/'],
  ['GET', '/v2/private/app/manifests/latest'],
  ['POST', '/v2/private/app/blobs/uploads/'],
]

/** Whether it can stand in a header as it is: no control characters, nothing beyond ASCII, no space at an end to be cut off. */
function canBeSent(token: string): boolean {
  return /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/.test(token)
}

/** The first two of each group that a request can carry. */
const corpus = (await badTokenGroups(target)).map((group) =>
  group.filter(({ token }) => canBeSent(token)).slice(0, 2),
)

function ask(token: string, [method, path]: Route): Promise<Response> {
  return send(method, path, { headers: { Authorization: `Bearer ${token}` } }, locked)
}

describe('a good token', () => {
  it.each(ROUTES)('opens %s %s', async (...route) => {
    const token = await signed(target.registry, goodHeader(target), goodClaims(target))
    expect((await ask(token, route)).ok).toBe(true)
  })
})

describe('the corpus', () => {
  it('has something of every group', () => {
    expect(corpus.filter((group) => group.length === 0)).toEqual([])
  })

  it.each(corpus.flat())('$name', async ({ token }) => {
    for (const route of ROUTES) {
      const response = await ask(token, route)
      expect(response.status).toBe(401)
      expect(response.headers.get('WWW-Authenticate')).toMatch(
        /^Bearer realm="http:\/\/registry\.test\/token",service="berth"/,
      )
      expect(await errorCodes(response)).toEqual(['UNAUTHORIZED'])
    }
  })
})
