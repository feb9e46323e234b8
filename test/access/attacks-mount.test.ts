/**
 * CVE-2024-39897 of zot: a mount that tells whether a blob is in a repository that the caller may not read, or gives it away. The
 * answer without the right to the source is that for a digest that nobody has: same status, headers, body, and time.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { ADMIN, type Client, newClient } from '../support/access-clients.ts'
import { type PushedBlob, pushBlob, randomBytes } from '../support/registry.ts'

const TARGET = '/v2/mine/app'

let secret: PushedBlob
let mine: PushedBlob
let clients: [title: string, client: Client][]

beforeAll(async () => {
  const bytes = randomBytes(500)
  // Many repositories have it; only the last of them may be pulled from, by some.
  for (let n = 0; n < 20; n += 1) await pushBlob(`hidden/app-${n}`, bytes)
  secret = await pushBlob('hidden/app', bytes)
  mine = await pushBlob('mine/other', randomBytes(500))
  const client = await newClient({
    'mine/*': ['pull', 'push'],
    'hidden/ap': ['pull'],
    'hidden/app/**': ['pull'],
  })
  const blind = await newClient({ 'mine/*': ['push'], 'hidden/*': ['push', 'delete'] })
  const scopes = ['repository:mine/app:pull,push', 'repository:hidden/app:pull,push']
  clients = [
    ['a password', client],
    ['a bearer token that asked for the source', await client.bearing(...scopes)],
    ['an access token', await client.withAccessToken()],
    ['an account that may push to the source', blind],
  ]
})

function unknownDigest(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32))
  return `sha256:${bytes.toHex()}`
}

/** All that differs from one upload to the next, put aside. */
async function shape(response: Response, digest: string): Promise<string> {
  const id = response.headers.get('Docker-Upload-UUID') ?? 'none'
  const headers = [...response.headers].filter(([name]) => name !== 'x-request-id')
  const text = [response.status, ...headers.map((pair) => pair.join(': ')).sort()]
  return [...text, await response.text()]
    .join('\n')
    .replaceAll(id, '<id>')
    .replaceAll(digest, '<digest>')
}

function mount(client: Client, digest: string, from?: string): Promise<Response> {
  const source = from === undefined ? '' : `&from=${encodeURIComponent(from)}`
  return client.send('POST', `${TARGET}/blobs/uploads/?mount=${digest}${source}`)
}

const SOURCES = [undefined, '', 'hidden/app', 'hidden/app-3', 'hidden/gone', '../hidden/app', '%']

describe.each([0, 1, 2, 3])('CVE-2024-39897 (zot): a mount without the right', (index) => {
  it.each(SOURCES)('from %s is the answer for what nobody has', async (from) => {
    const [, client] = clients[index] ?? []
    if (client === undefined) throw new Error('no such client')
    const unknown = unknownDigest()
    const known = await shape(await mount(client, secret.digest, from), secret.digest)
    expect(known).toBe(await shape(await mount(client, unknown, from), unknown))
    expect(known).toMatch(/^202\n/)
    const path = `${TARGET}/blobs/${secret.digest}`
    expect((await ADMIN.send('HEAD', path)).status).toBe(404)
  })
})

describe('a mount with the right', () => {
  it('is made, with a token that says so for the source', async () => {
    const [, client] = clients[0] ?? []
    const target = 'repository:mine/app:pull,push'
    const source = 'repository:mine/other:pull'
    const both = await client?.bearing(target, source)
    const one = await client?.bearing(target)
    if (both === undefined || one === undefined) throw new Error('no such client')
    // A token for the target alone does not reach the source, whatever its owner may.
    expect((await mount(one, mine.digest, 'mine/other')).status).toBe(202)
    expect((await mount(one, mine.digest)).status).toBe(202)
    expect((await mount(both, mine.digest, 'mine/other')).status).toBe(201)
  })

  it('finds the one source that may be read among many', async () => {
    const bytes = randomBytes(100)
    for (let n = 0; n < 8; n += 1) await pushBlob(`hidden/many-${n}`, bytes)
    const { digest } = await pushBlob('mine/one', bytes)
    const [, client] = clients[0] ?? []
    if (client === undefined) throw new Error('no such client')
    expect((await mount(client, digest)).status).toBe(201)
  })
})

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
}

describe('the time of a mount without the right', () => {
  it.each(['hidden/app', undefined])('is that for what nobody has: from %s', async (from) => {
    const [, client] = clients[0] ?? []
    if (client === undefined) throw new Error('no such client')
    const times = { known: [] as number[], unknown: [] as number[] }
    // The clock counts milliseconds: several are timed at a stretch. Whichever comes second finds everything warm: they take turns.
    for (let round = 0; round < 40; round += 1) {
      const order = ['known', 'unknown'] as const
      for (const kind of round % 2 === 0 ? order : order.toReversed()) {
        const start = performance.now()
        for (let n = 0; n < 5; n += 1) {
          await mount(client, kind === 'known' ? secret.digest : unknownDigest(), from)
        }
        times[kind].push((performance.now() - start) / 5)
      }
    }
    const [known, unknown] = [median(times.known), median(times.unknown)]
    expect(unknown).toBeGreaterThan(0)
    expect(Math.abs(known - unknown)).toBeLessThan(Math.max(0.5, unknown * 0.25))
  })
})
