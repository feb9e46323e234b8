/** Who may not is answered in the same bytes, headers included, whether the repository, tag or blob is there or not. */
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { makeCredentials } from '../support/access-credentials.ts'
import { bitsOn, CREATE, DELETE, MOVE, PULL } from '../support/access-model.ts'
import { ROUTES } from '../support/access-routes.ts'
import { buildWorld, withdraw } from '../support/access-world.ts'
import { send } from '../support/registry.ts'

const world = await buildWorld()
const made = await makeCredentials(world)

beforeAll(async () => {
  await withdraw(world.tokens)
  vi.spyOn(console, 'log').mockReturnValue(undefined)
})

/** Everybody who has no right on these two repositories, of which the first is there. */
const [THERE, GONE] = ['none/app', 'none/cap']
const outside = made.filter(
  ({ sender, mode, slow }) =>
    !slow && [THERE, GONE].every((name) => bitsOn(sender, name, world.rules, mode) === 0),
)

const { first, second, layer, config } = world.content
const UNKNOWN = `sha256:${'f'.repeat(64)}`

/** Requests in pairs: for what is there, and for what is not. `%` stands for the repository. */
const CONTENT: [method: string, there: string, gone: string][] = [
  ['GET', '%/manifests/latest', '%/manifests/absent'],
  ['HEAD', '%/manifests/latest', '%/manifests/absent'],
  ['GET', `%/manifests/${first}`, `%/manifests/${UNKNOWN}`],
  ['HEAD', `%/manifests/${second}`, `%/manifests/${UNKNOWN}`],
  ['GET', `%/blobs/${layer}`, `%/blobs/${UNKNOWN}`],
  ['HEAD', `%/blobs/${config}`, `%/blobs/${UNKNOWN}`],
  ['GET', `%/referrers/${first}`, `%/referrers/${UNKNOWN}`],
  ['DELETE', '%/manifests/latest', '%/manifests/absent'],
  ['DELETE', `%/manifests/${first}`, `%/manifests/${UNKNOWN}`],
  ['DELETE', `%/blobs/${layer}`, `%/blobs/${UNKNOWN}`],
  ['PUT', '%/manifests/latest', '%/manifests/absent'],
  ['POST', `%/blobs/uploads/?mount=${layer}`, `%/blobs/uploads/?mount=${UNKNOWN}`],
  ['POST', `%/blobs/uploads/?digest=${layer}`, `%/blobs/uploads/?digest=${UNKNOWN}`],
]

/** Everything that a client gets; of what it sent itself, and of the request's own id, only that it is there. */
async function everything(response: Response, ...sent: string[]): Promise<string> {
  const headers = [...response.headers].map(([name, value]) =>
    name === 'x-request-id' ? `${name}: ${value.replace(/[0-9a-f]/g, '0')}` : `${name}: ${value}`,
  )
  const text = [response.status, ...headers.sort(), await response.text()].join('\n')
  return sent.reduce((all, one) => all.replaceAll(one, '<sent>'), text)
}

describe.each(outside)('$name', ({ authorization, environment }) => {
  const headers = authorization === null ? {} : { Authorization: authorization }
  const ask = (method: string, path: string) => send(method, path, { headers }, environment)

  it('gets the same answer whether the repository exists or not', async () => {
    for (const { method, tail } of ROUTES) {
      const [there, gone] = [THERE, GONE].map(async (name) =>
        everything(await ask(method, `/v2/${name}${tail(world.content)}`), name),
      )
      expect(await there, `${method} ${tail(world.content)}`).toBe(await gone)
    }
  })

  it('gets the same answer whether the content exists or not', async () => {
    for (const [method, there, gone] of CONTENT) {
      const answers = [there, gone].map(async (path) => {
        const reference = path.slice(path.lastIndexOf('/') + 1)
        return everything(await ask(method, `/v2/${path.replace('%', THERE)}`), reference)
      })
      const [one, other] = await Promise.all(answers)
      expect(one, `${method} ${there}`).toBe(other)
      expect(one).toMatch(/^40[13]\n/)
    }
  })
})

it('the callers above are all those without a right', () => {
  expect(outside.length).toBeGreaterThan(60)
  const shown = new Set(outside.map(({ sender }) => sender.shows))
  expect([...shown].sort()).toEqual(['nothing', 'password', 'rubbish', 'ticket'])
  const inside = made.filter((one) => !outside.includes(one) && !one.slow)
  for (const { sender, mode } of inside) {
    expect(bitsOn(sender, THERE, world.rules, mode) & (PULL | CREATE | MOVE | DELETE)).not.toBe(0)
  }
})

describe('the administration API', () => {
  it('does not reveal repositories that the caller may not pull', async () => {
    const some = outside.filter(({ sender }) => sender.shows === 'password')
    expect(some.length).toBeGreaterThan(10)
    for (const { authorization, environment } of some) {
      for (const [method, tail, body] of [
        ['GET', '', undefined],
        ['GET', '/manifests', undefined],
        ['PATCH', '', '{"visibility":"public"}'],
      ] as const) {
        const headers = { Authorization: authorization ?? '', 'Content-Type': 'application/json' }
        const init = body === undefined ? { headers } : { headers, body }
        const [there, gone] = await Promise.all(
          [THERE, GONE].map(async (name) =>
            everything(
              await send(method, `/api/v1/repositories/${name}${tail}`, init, environment),
              name,
            ),
          ),
        )
        expect(there).toBe(gone)
        expect(there).toMatch(/^404\n/)
      }
    }
  })
})
