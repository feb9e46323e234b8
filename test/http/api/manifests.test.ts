/** The list of a repository's manifests. */
import { beforeAll, describe, expect, it } from 'vitest'
import { anyDigest, storedManifest } from '../../store/support.ts'
import { counted } from '../../support/counting.ts'
import { call, failure } from './support.ts'

interface Listed {
  manifests: { digest: string; tags: string[]; subject: string | null }[]
}

const DEV = { user: 'dev', password: 'the password of dev' }

beforeAll(async () => {
  await call('POST', '/accounts', { body: { name: DEV.user, password: DEV.password } })
  const body = { principal: 'account:dev', pattern: 'list/*', actions: ['pull'] }
  await call('PUT', '/grants', { body })
})

async function list(path: string): Promise<Listed['manifests']> {
  const { body } = await call<Listed>('GET', path)
  return body.manifests
}

describe('the manifests of a repository', () => {
  it('are all listed, with their own tags', async () => {
    const repository = 'list/all'
    const subject = anyDigest()
    const child = await storedManifest(repository)
    const inner = await storedManifest(repository, { children: [child] })
    const outer = await storedManifest(repository, { children: [inner], tags: ['b', 'a'] })
    const lost = await storedManifest(repository, {
      subject,
      artifactType: 'application/x',
      size: 7,
    })
    const path = `/repositories/${repository}/manifests`
    const { body } = await call<Listed>('GET', path, { as: DEV })
    const facts = {
      artifactType: null,
      size: 2,
      subject: null,
      tags: [],
      pushedAt: expect.any(String),
    }
    const { mediaType } = child
    expect(body.manifests).toEqual([
      { ...facts, mediaType, digest: child.digest },
      { ...facts, mediaType, digest: inner.digest },
      { ...facts, mediaType, digest: outer.digest, tags: ['a', 'b'] },
      {
        ...facts,
        mediaType,
        digest: lost.digest,
        artifactType: 'application/x',
        size: 7,
        subject,
      },
    ])
    const [first] = await list(path)
    expect(first).toMatchObject({ pushedAt: expect.stringMatching(/^\d{4}-.*T.*Z$/) })
  })

  it('come in pages by digest, each linked to the next', async () => {
    const repository = 'list/pages'
    const all = []
    for (let n = 0; n < 5; n += 1) all.push((await storedManifest(repository)).digest)
    const found: string[] = []
    const pages: number[] = []
    for (let path = `/repositories/${repository}/manifests?n=2`; ; ) {
      const { headers, body } = await call<Listed>('GET', path)
      found.push(...body.manifests.map(({ digest }) => digest))
      pages.push(body.manifests.length)
      const link = headers.get('Link')
      if (link === null) break
      path = /^<\/api\/v1([^>]+)>; rel="next"$/.exec(link)?.[1] ?? ''
      expect(path).toBe(
        `/repositories/${repository}/manifests?last=${encodeURIComponent(found.at(-1) ?? '')}&n=2`,
      )
    }
    expect(found).toEqual(all)
    expect(pages).toEqual([2, 2, 1])
  })

  it('show at most 20 tags each', async () => {
    const tags = Array.from({ length: 21 }, (_, n) => `t${n}`)
    await storedManifest('list/tags', { tags })
    const [one] = await list('/repositories/list/tags/manifests')
    expect(one?.tags).toHaveLength(20)
  })

  it('cost as many queries as the repository itself', async () => {
    const of = (path: string) => counted(() => call('GET', path))
    const [repository, manifests] = [
      await of('/repositories/list/all'),
      await of('/repositories/list/all/manifests'),
    ]
    expect(manifests.d1).toBe(repository.d1)
  })

  it.each(['n=0', 'n=1001', 'last=x', 'last=sha256:0', 'tag=x'])('?%s is 400', async (query) => {
    expect(await failure('GET', `/repositories/list/all/manifests?${query}`)).toMatch(/^400 /)
  })

  it('are unknown to callers who may not pull, whether the repository exists or not', async () => {
    await storedManifest('hidden')
    for (const name of ['hidden', 'missing', 'list/none']) {
      const refused = await failure('GET', `/repositories/${name}/manifests`, { as: DEV })
      expect(refused).toBe('404 NAME_UNKNOWN: repository name not known to registry')
    }
  })
})

describe('a repository whose name has a segment "manifests"', () => {
  it('is split from the end of the path, as in /v2/', async () => {
    const names = [
      'manifests',
      'list/x',
      'list/x/manifests',
      'list/manifests/y',
      'list/manifests/manifests',
    ]
    const digestOf = new Map<string, string>()
    for (const name of names) digestOf.set(name, (await storedManifest(name)).digest)
    for (const name of names) {
      const listed = await list(`/repositories/${name}/manifests`)
      expect(listed.map(({ digest }) => digest)).toEqual([digestOf.get(name)])
    }
    for (const name of ['manifests', 'list/x', 'list/manifests/y']) {
      expect((await call('GET', `/repositories/${name}`)).body).toMatchObject({ name })
    }
    await storedManifest('list/manifests-old')
    expect((await call('GET', '/repositories/list/manifests-old')).body).toMatchObject({
      name: 'list/manifests-old',
    })
    // The list is a GET: what changes a repository has the path to itself.
    const body = { visibility: 'private' }
    const { body: changed } = await call('PATCH', '/repositories/list/x/manifests', { body })
    expect(changed).toMatchObject({ name: 'list/x/manifests' })
    await call('DELETE', '/repositories/list/x/manifests')
    expect(await list('/repositories/list/x/manifests')).toHaveLength(1)
    expect(await failure('GET', '/repositories/list/x/manifests/manifests')).toMatch(/^404/)
  })
})
