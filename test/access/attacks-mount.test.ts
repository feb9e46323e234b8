/**
 * CVE-2024-39897 of zot: a mount that tells whether a blob is in a repository that the caller may not read, or gives it away. The
 * answer without the right to the source is that for a digest that nobody has: same status, headers, body, and time.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { ADMIN, type Client, newClient } from '../support/access-clients.ts'
import { type PushedBlob, pushBlob, randomBytes } from '../support/registry.ts'
import { idOf } from '../support/uploads.ts'

const TARGET = '/v2/mine/app'

let secret: PushedBlob
let mine: PushedBlob
let clients: Record<string, Client>

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
  clients = {
    password: client,
    'bearer token that asked for the source': await client.bearing(...scopes),
    'access token': await client.withAccessToken(),
    'password of who may push to the source': blind,
  }
})

const TITLES = [
  'password',
  'bearer token that asked for the source',
  'access token',
  'password of who may push to the source',
]

function clientNamed(title: string): Client {
  const client = clients[title]
  if (client === undefined) throw new Error(`no client ${title}`)
  return client
}

function unknownDigest(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32))
  return `sha256:${bytes.toHex()}`
}

/** All that differs from one upload to the next, put aside. */
async function shape(response: Response, digest: string): Promise<string> {
  const name = response.headers.get('Docker-Upload-UUID') ?? 'none'
  const id = idOf(response.headers.get('Location') ?? 'none')
  const headers = [...response.headers].filter(([name]) => name !== 'x-request-id')
  const text = [response.status, ...headers.map((pair) => pair.join(': ')).sort()]
  return [...text, await response.text()]
    .join('\n')
    .replaceAll(id, '<id>')
    .replaceAll(name, '<name>')
    .replaceAll(digest, '<digest>')
    .replace(/dur=[0-9]+/, 'dur=<ms>')
}

function mount(client: Client, digest: string, from?: string): Promise<Response> {
  const source = from === undefined ? '' : `&from=${encodeURIComponent(from)}`
  return client.send('POST', `${TARGET}/blobs/uploads/?mount=${digest}${source}`)
}

const SOURCES = [undefined, '', 'hidden/app', 'hidden/app-3', 'hidden/gone', '../hidden/app', '%']

describe.each(TITLES)('CVE-2024-39897 (zot): a mount without the right, by a %s,', (title) => {
  it.each(SOURCES)('from %s gets the same answer as for a blob that nobody has', async (from) => {
    const client = clientNamed(title)
    const unknown = unknownDigest()
    const known = await shape(await mount(client, secret.digest, from), secret.digest)
    expect(known).toBe(await shape(await mount(client, unknown, from), unknown))
    expect(known).toMatch(/^202\n/)
    const path = `${TARGET}/blobs/${secret.digest}`
    expect((await ADMIN.send('HEAD', path)).status).toBe(404)
  })
})

describe('a mount with the right', () => {
  it('succeeds with a token for the source', async () => {
    const target = 'repository:mine/app:pull,push'
    const source = 'repository:mine/other:pull'
    const both = await clientNamed('password').bearing(target, source)
    const one = await clientNamed('password').bearing(target)
    // A token for the target alone does not reach the source, whatever its owner may.
    expect((await mount(one, mine.digest, 'mine/other')).status).toBe(202)
    expect((await mount(one, mine.digest)).status).toBe(202)
    expect((await mount(both, mine.digest, 'mine/other')).status).toBe(201)
  })

  it('finds the only readable source among many', async () => {
    const bytes = randomBytes(100)
    for (let n = 0; n < 8; n += 1) await pushBlob(`hidden/many-${n}`, bytes)
    const { digest } = await pushBlob('mine/one', bytes)
    const client = clientNamed('password')
    expect((await mount(client, digest)).status).toBe(201)
  })
})

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
}

/** Milliseconds that a mount of each kind takes, and by how much they differ: the medians of many tries that take turns. */
async function measure(client: Client, from: string | undefined) {
  const known: number[] = []
  const unknown: number[] = []
  for (let round = 0; round < 40; round += 1) {
    // Whichever comes second finds everything warm.
    const order = ['known', 'unknown'] as const
    for (const kind of round % 2 === 0 ? order : order.toReversed()) {
      const start = performance.now()
      // The clock counts milliseconds: several are timed at a stretch.
      for (let n = 0; n < 5; n += 1) {
        await mount(client, kind === 'known' ? secret.digest : unknownDigest(), from)
      }
      const times = kind === 'known' ? known : unknown
      times.push((performance.now() - start) / 5)
    }
  }
  const differences = known.map((time, round) => time - (unknown[round] ?? 0))
  return { usual: median(unknown), difference: median(differences) }
}

describe('the time of a mount without the right', () => {
  it.each(['hidden/app', undefined])('equals that for a missing blob: from %s', async (from) => {
    // A machine that does other things makes a difference once; a lookup that is made for one of them alone, each time.
    const tries: { usual: number; difference: number }[] = []
    for (let left = 4; left > 0; left -= 1) {
      const tried = await measure(clientNamed('password'), from)
      tries.push(tried)
      if (Math.abs(tried.difference) < Math.max(0.5, tried.usual * 0.15)) break
    }
    const { usual = 0, difference = 0 } = tries.at(-1) ?? {}
    expect(usual).toBeGreaterThan(0)
    expect(Math.abs(difference), JSON.stringify(tries)).toBeLessThan(Math.max(0.5, usual * 0.15))
  })
})
