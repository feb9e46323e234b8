/** Known attacks on lists: names that the caller may not pull, in the list or in the link to its next page, and sizes of pages. */
import { beforeAll, describe, expect, it } from 'vitest'
import { ADMIN, type Client, NOBODY, newClient } from '../support/access-clients.ts'
import { errorCodes, pushImage } from '../support/registry.ts'

/** Hidden names lie before, between and after those that are seen. */
const SEEN = ['list/b', 'list/d', 'list/deep/f', 'list/h', 'open/x']
const HIDDEN = [
  'aaa/a',
  'list/a',
  'list/bb',
  'list/c',
  'list/d/inner',
  'list/deep',
  'list/e',
  'list/g',
  'list/hh',
  'list2/b',
  'open/y',
  'open/x/z',
  'zzz/z',
]

let clients: Record<string, Client>

beforeAll(async () => {
  for (const name of [...SEEN, ...HIDDEN]) await pushImage(name, 'latest')
  await ADMIN.call('PATCH', '/repositories/open/x', { visibility: 'public' })
  const pull = ['pull']
  const reader = await newClient({
    'list/b': pull,
    'list/d': pull,
    'list/deep/*': pull,
    'list/h': pull,
    // Other actions show nothing.
    'list/c': ['push'],
    'list/g': ['delete'],
    'list/a': ['create'],
  })
  clients = {
    password: reader,
    'an access token': await reader.withAccessToken(),
    'a limited token': await (await newClient({ '**': ['pull', 'push', 'admin'] })).withAccessToken(
      {
        'list/b': pull,
        'list/d': pull,
        'list/deep/**': pull,
        'list/h': pull,
        'list/c': ['push'],
        'open/x': pull,
      },
    ),
    'a bearer token': await reader.bearing('registry:catalog:*'),
    'a bearer token with scopes for hidden ones': await reader.bearing(
      'registry:catalog:*',
      ...HIDDEN.map((name) => `repository:${name}:*`),
    ),
  }
})

interface Page {
  names: string[]
  link: string
}

async function page(client: Client, path: string): Promise<Page> {
  const response = await client.send('GET', path)
  expect(response.status, path).toBe(200)
  const { repositories } = await response.json<{ repositories: (string | { name: string })[] }>()
  const names = repositories.map((one) => (typeof one === 'string' ? one : one.name))
  const link = /<([^>]+)>/.exec(response.headers.get('Link') ?? '')?.[1] ?? ''
  // Where the next page begins is a name that stands on this one.
  if (link !== '') expect(names).toContain(new URLSearchParams(link.split('?')[1]).get('last'))
  return { names, link }
}

async function walk(client: Client, first: string): Promise<string[]> {
  const names: string[] = []
  let path = first
  for (let left = 30; path !== '' && left > 0; left -= 1) {
    const { names: more, link } = await page(client, path)
    names.push(...more)
    path = link
  }
  return names
}

const TITLES = [
  'password',
  'an access token',
  'a limited token',
  'a bearer token',
  'a bearer token with scopes for hidden ones',
]

describe.each(TITLES)('catalog leak: %s', (title) => {
  const client = (): Client => {
    const found = clients[title]
    if (found === undefined) throw new Error(`no client ${title}`)
    return found
  }
  const isBearer = title.startsWith('a bearer')

  it.each([1, 2, 3, 4, 5, 100])('shows what the caller may pull, in pages of %i', async (n) => {
    expect(await walk(client(), `/v2/_catalog?n=${n}`)).toEqual(SEEN)
    if (!isBearer) expect(await walk(client(), `/api/v1/repositories?n=${n}`)).toEqual(SEEN)
  })

  it('continues after a hidden or invented name as after a visible one', async () => {
    for (const last of [...SEEN, ...HIDDEN, 'list/none', 'a', 'zzzz', 'list/deep/zz']) {
      const expected = SEEN.filter((name) => name > last)
      const path = `last=${encodeURIComponent(last)}&n=100`
      expect((await page(client(), `/v2/_catalog?${path}`)).names).toEqual(expected)
      if (isBearer) continue
      expect((await page(client(), `/api/v1/repositories?${path}`)).names).toEqual(expected)
    }
  })

  it('links to no further page if only hidden names follow', async () => {
    for (const list of isBearer ? ['/v2/_catalog'] : ['/v2/_catalog', '/api/v1/repositories']) {
      expect((await page(client(), `${list}?n=5`)).link).toBe('')
      expect((await page(client(), `${list}?n=1&last=list%2Fh`)).link).toBe('')
    }
  })

  it('finds no hidden name by a part of it', async () => {
    if (isBearer) return
    for (const q of ['list', '/', 'a', 'hh', 'inner', 'zzz', '%', '_', 'list2', '']) {
      const { names } = await page(client(), `/api/v1/repositories?q=${encodeURIComponent(q)}`)
      expect(names).toEqual(SEEN.filter((name) => name.includes(q)))
    }
  })
})

describe('the list for anonymous callers', () => {
  it('has only public repositories, and requires a token for the list', async () => {
    expect((await NOBODY.send('GET', '/v2/_catalog')).status).toBe(401)
    const anonymous = await NOBODY.bearing('registry:catalog:*')
    expect(await walk(anonymous, '/v2/_catalog?n=1')).toEqual(['open/x'])
    const without = await NOBODY.bearing('repository:open/x:pull')
    expect((await without.send('GET', '/v2/_catalog')).status).toBe(401)
    expect((await anonymous.send('GET', '/api/v1/repositories')).status).toBe(401)
  })

  it('has only public repositories for an account without grants', async () => {
    expect(await walk(await newClient(), '/v2/_catalog')).toEqual(['open/x'])
  })
})

describe('CVE-2023-2253 (distribution), serverless-registry: the size of a page', () => {
  const SIZES = [
    '-1',
    '1e18',
    'NaN',
    '9'.repeat(1000),
    '1001',
    '9007199254740993',
    '0x10',
    '1.5',
    ' 1',
    'Infinity',
  ]

  it.each(SIZES)('n=%s is refused', async (n) => {
    const response = await ADMIN.send('GET', `/v2/_catalog?n=${encodeURIComponent(n)}`)
    expect(response.status).toBe(400)
    expect(await errorCodes(response)).toEqual(['PAGINATION_NUMBER_INVALID'])
    const listed = await ADMIN.send('GET', `/api/v1/repositories?n=${encodeURIComponent(n)}`)
    // Number(' 1') and Number('0x10') are numbers to who coerces; they are within the limits.
    expect([200, 400]).toContain(listed.status)
    if (listed.status === 200) expect(Number(n)).toBeLessThanOrEqual(1000)
    const tags = await ADMIN.send('GET', `/v2/list/b/tags/list?n=${encodeURIComponent(n)}`)
    expect([200, 400]).toContain(tags.status)
  })

  it('n=0 is an empty page', async () => {
    const { names, link } = await page(ADMIN, '/v2/_catalog?n=0')
    expect([names, link]).toEqual([[], ''])
  })
})
