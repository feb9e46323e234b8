/**
 * The lists of names. The cases are those of docker/distribution's TestCatalogAPI and TestTagsAPI, with one difference: there
 * is no Link where nothing follows, while docker/distribution sends one to an empty page whenever a page of tags is full.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import type { Env } from '../../../src/http/middleware/context.ts'
import { MEDIA_TYPE_OCI_INDEX } from '../../../src/oci/media-types.ts'
import {
  bindings,
  bytesOf,
  errorCodes,
  pushBlob,
  pushImage,
  putManifest,
  send,
} from '../../support/registry.ts'

const EMPTY_INDEX = bytesOf('{"schemaVersion":2,"manifests":[]}')

async function tagEmpty(repository: string, tag: string): Promise<void> {
  const response = await putManifest(repository, tag, EMPTY_INDEX, MEDIA_TYPE_OCI_INDEX)
  expect(response.status).toBe(201)
}

async function page(
  path: string,
  environment?: Env,
): Promise<{ body: unknown; link: string | null }> {
  const response = await send('GET', path, {}, environment)
  expect(response.status).toBe(200)
  expect(response.headers.get('Content-Type')).toMatch(/^application\/json/)
  return { body: await response.json(), link: response.headers.get('Link') }
}

/** The target of a Link, as a client follows it: relative to the request. */
function target(link: string | null): string {
  const url = /^<([^>]+)>; rel="next"$/.exec(link ?? '')?.[1]
  if (url === undefined) throw new Error(`no next page in ${link}`)
  return url
}

describe('the catalog', () => {
  const names = ['foo/aaaa', 'foo/bbbb', 'foo/cccc', 'foo/dddd', 'foo/eeee', 'foo/ffff']
  const five: Env = { ...bindings, CATALOG_PAGE_MAX: '5' }

  it('1: is empty, without a Link', async () => {
    expect(await page('/v2/_catalog', five)).toEqual({ body: { repositories: [] }, link: null })
  })

  describe('of six repositories and pages of five', () => {
    beforeAll(async () => {
      for (const name of names) await tagEmpty(name, 'latest')
      // Not on the list: a push that failed, or has not come to its manifest yet.
      await pushBlob('foo/begun', bytesOf('a blob'))
    })

    it.each<[string, string, string[], string | null]>([
      ['2: no n', '', names.slice(0, 5), '</v2/_catalog?last=foo%2Feeee&n=5>; rel="next"'],
      ['2.1: its next', '?last=foo%2Feeee&n=5', names.slice(5), null],
      [
        '3: n is the most',
        '?n=5',
        names.slice(0, 5),
        '</v2/_catalog?last=foo%2Feeee&n=5>; rel="next"',
      ],
      ['3.1: its next', '?n=5&last=foo/eeee', names.slice(5), null],
      [
        '4: n is one less',
        '?n=4',
        names.slice(0, 4),
        '</v2/_catalog?last=foo%2Fdddd&n=4>; rel="next"',
      ],
      ['4.1: its next', '?n=4&last=foo/dddd', names.slice(4), null],
      ['7: n=0', '?n=0', [], null],
      [
        'empty n and last',
        '?n=&last=',
        names.slice(0, 5),
        '</v2/_catalog?last=foo%2Feeee&n=5>; rel="next"',
      ],
      ['last that does not exist', '?last=foo/b', names.slice(1), null],
      ['last behind all', '?last=zzz', [], null],
      ['a page that ends with the list', '?n=2&last=foo/dddd', names.slice(4), null],
    ])('%s', async (_, query, expected, link) => {
      const found = await page(`/v2/_catalog${query}`, five)
      expect(found).toEqual({ body: { repositories: expected }, link })
    })

    it.each([
      ['5: n far above the most', '15'],
      ['6: n above the most', '6'],
      ['8: n=-1', '-1'],
      ['a word', 'foo'],
      ['a fraction', '1.5'],
      ['hexadecimal', '0x1'],
      ['with a sign', '%2B1'],
      ['with a space', '%201'],
      // CVE-2023-2253
      ['huge', '1000000000000000000'],
      ['of a thousand digits', '9'.repeat(1000)],
      ['NaN', 'NaN'],
      ['Infinity', 'Infinity'],
    ])('%s is 400', async (_, n) => {
      const response = await send('GET', `/v2/_catalog?n=${n}`, {}, five)
      expect(response.status).toBe(400)
      expect(await errorCodes(response)).toEqual(['PAGINATION_NUMBER_INVALID'])
    })

    it('9: has no Link where a page holds all that follows', async () => {
      const found = await page('/v2/_catalog?n=5&last=foo/bbbb', five)
      expect(found).toEqual({ body: { repositories: names.slice(2) }, link: null })
    })

    it.each(['UPPER', '../x', '%00', 'a'.repeat(256), "x'%20OR%201=1"])(
      'last=%.20s, which is no name, is 400',
      async (last) => {
        const response = await send('GET', `/v2/_catalog?last=${last}`)
        expect(response.status).toBe(400)
        expect(await errorCodes(response)).toEqual(['NAME_INVALID'])
      },
    )

    it('has pages of 100 if the client names no number', async () => {
      expect((await page('/v2/_catalog')).link).toBeNull()
      const more = Array.from({ length: 95 }, (_, i) => `many/${String(i).padStart(2, '0')}`)
      for (const name of more) await tagEmpty(name, 'latest')
      const { body, link } = await page('/v2/_catalog')
      expect(body).toEqual({ repositories: [...names, ...more].slice(0, 100) })
      expect(link).toBe('</v2/_catalog?last=many%2F93&n=100>; rel="next"')
    })

    it('lists names with common prefixes once each, in byte order', async () => {
      const prefixes = ['p', 'p-b', 'p-b/c', 'p.b', 'p/a', 'p/a-b', 'p/a/b', 'p0', 'p_b', 'pa']
      for (const name of prefixes.toReversed()) await tagEmpty(name, 'latest')
      const listed: string[] = []
      for (let path = '/v2/_catalog?n=3&last=o'; ; ) {
        const { body, link } = await page(path)
        listed.push(...(body as { repositories: string[] }).repositories)
        if (link === null) break
        path = target(link)
      }
      expect(listed).toEqual(prefixes)
    })
  })
})

describe('the tags', () => {
  const tags = ['2j2ar', 'asj9e', 'jyi7b', 'kb0j5', 'sb71y']
  const path = '/v2/test/tags/list'

  beforeAll(async () => {
    for (const tag of ['jyi7b', 'sb71y', '2j2ar', 'kb0j5', 'asj9e']) await tagEmpty('test', tag)
  })

  it.each<[string, string, string[], string | null]>([
    ['no query', '', tags, null],
    ['an empty last', '?last=', tags, null],
    ['an empty n', '?n=', tags, null],
    ['both empty', '?last=&n=', tags, null],
    ['n=2', '?n=2', tags.slice(0, 2), `<${path}?last=asj9e&n=2>; rel="next"`],
    ['last and n=1', '?last=asj9e&n=1', ['jyi7b'], `<${path}?last=jyi7b&n=1>; rel="next"`],
    ['last and n=3 with 2 that follow', '?last=jyi7b&n=3', tags.slice(3), null],
    ['last behind all', '?last=sb71y&n=1', [], null],
    ['n=100', '?n=100', tags, null],
    ['last alone', '?last=jyi7b', tags.slice(3), null],
    // docker/distribution: with a Link, to an empty page.
    ['last that does not exist', '?last=does-not-exist&n=3', tags.slice(2), null],
    ['n=0', '?n=0', [], null],
    ['n=5, which is all', '?n=5', tags, null],
    ['n of more than a page', '?n=999999', tags, null],
    ['a parameter that means nothing', '?ns=docker.io', tags, null],
  ])('%s', async (_, query, expected, link) => {
    expect(await page(`${path}${query}`)).toEqual({ body: { name: 'test', tags: expected }, link })
  })

  it.each(['-1', 'foo', '1.5', '1e2', 'NaN', '%00', '1000000000000000000', '9'.repeat(1000)])(
    'n=%.20s is 400',
    async (n) => {
      const response = await send('GET', `${path}?n=${n}`)
      expect(response.status).toBe(400)
      expect(await errorCodes(response)).toEqual(['PAGINATION_NUMBER_INVALID'])
    },
  )

  it.each(['.x', 'a/b', '%00', 't'.repeat(129), "x'%20OR%201=1"])(
    'last=%.20s, which is no tag, is 400',
    async (last) => {
      const response = await send('GET', `${path}?last=${last}`)
      expect(response.status).toBe(400)
      expect(await errorCodes(response)).toEqual(['TAG_INVALID'])
    },
  )

  it('come in pages of at most TAGS_PAGE_MAX (TestTagsAPIMaxTagsClamp)', async () => {
    const two = { ...bindings, TAGS_PAGE_MAX: '2' }
    for (const query of ['?n=100', '']) {
      expect(await page(`${path}${query}`, two)).toEqual({
        body: { name: 'test', tags: tags.slice(0, 2) },
        link: `<${path}?last=asj9e&n=2>; rel="next"`,
      })
    }
  })

  it('are linked under the public prefix', async () => {
    const prefixed = { ...bindings, PUBLIC_URL: 'https://r.example/some/prefix' }
    const { link } = await page(`/some/prefix${path}?n=1`, prefixed)
    expect(link).toBe(`</some/prefix${path}?last=2j2ar&n=1>; rel="next"`)
    const next = await page(target(link), prefixed)
    expect(next.body).toEqual({ name: 'test', tags: ['asj9e'] })
  })

  it('of an unknown repository are 404', async () => {
    for (const query of ['', '?n=0', '?last=x']) {
      const response = await send('GET', `/v2/test/unknown/tags/list${query}`)
      expect(response.status).toBe(404)
      expect(await errorCodes(response)).toEqual(['NAME_UNKNOWN'])
    }
  })

  it('of a repository without any are an empty list', async () => {
    await pushBlob('test/untagged', bytesOf('x'))
    for (const query of ['', '?n=0', '?n=1', '?last=x']) {
      expect(await page(`/v2/test/untagged/tags/list${query}`)).toEqual({
        body: { name: 'test/untagged', tags: [] },
        link: null,
      })
    }
  })

  it('with common prefixes are listed once each, in byte order', async () => {
    const prefixes = ['A', 'Z', '_', 'a', 'a-', 'a-b', 'a.', 'a.b', 'a0', 'aA', 'a_', 'aa', 'b']
    for (const tag of prefixes.toReversed()) await tagEmpty('test/prefixes', tag)
    const listed: string[] = []
    for (let next = '/v2/test/prefixes/tags/list?n=1'; ; ) {
      const { body, link } = await page(next)
      listed.push(...(body as { tags: string[] }).tags)
      if (link === null) break
      next = target(link)
    }
    expect(listed).toEqual(prefixes)
  })

  it('are those of one repository', async () => {
    await pushImage('test/a', 'only-a')
    await pushImage('test/a/b', 'only-b')
    expect((await page('/v2/test/a/tags/list')).body).toEqual({ name: 'test/a', tags: ['only-a'] })
  })
})
