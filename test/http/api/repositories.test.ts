/** Repositories over HTTP: who sees which, and who makes them public. */
import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import { storedManifest } from '../../store/support.ts'
import { pushImage, send } from '../../support/registry.ts'
import { call, environment, failure } from './support.ts'

interface Listed {
  repositories: { name: string; visibility: string }[]
}

const DEV = { user: 'dev', password: 'the password of dev' }
const OWNER = { user: 'owner', password: 'the password of owner' }

async function grant(principal: string, pattern: string, ...actions: string[]): Promise<void> {
  await call('PUT', '/grants', { body: { principal, pattern, actions } })
}

beforeAll(async () => {
  for (const name of ['team/app', 'team/web', 'team/deep/er', 'open/one', 'open/two', 'secret']) {
    await storedManifest(name, { tags: ['v1', 'v2'] })
  }
  for (const { user, password } of [DEV, OWNER]) {
    await call('POST', '/accounts', { body: { name: user, password } })
  }
  await grant('account:dev', 'team/*', 'pull')
  await grant('account:owner', 'team/app', 'admin')
  await grant('anonymous', 'open/*', 'pull')
})

async function list(query: string, as?: typeof DEV): Promise<string[]> {
  const { body } = await call<Listed>('GET', `/repositories${query}`, as && { as })
  return body.repositories.map(({ name, visibility }) => `${name} ${visibility}`)
}

describe('repositories', () => {
  it('are listed as far as the caller may pull', async () => {
    expect(await list('')).toEqual([
      'open/one public',
      'open/two public',
      'secret private',
      'team/app private',
      'team/deep/er private',
      'team/web private',
    ])
    const dev = ['open/one public', 'open/two public', 'team/app private', 'team/web private']
    expect(await list('', DEV)).toEqual(dev)
    expect(await list('?q=o', DEV)).toEqual(dev.slice(0, 2))
    expect(await list('?q=w', DEV)).toEqual(['open/two public', 'team/web private'])
    expect(await list('?last=open/two&n=1', DEV)).toEqual(['team/app private'])
    const { headers } = await call('GET', '/repositories?n=1&q=t', { as: DEV })
    expect(headers.get('Link')).toBe('</api/v1/repositories?last=open%2Ftwo&n=1&q=t>; rel="next"')
  })

  it('are all public if the registry is open', async () => {
    const open = { as: null, environment: { ...environment, OPEN_ACCESS: 'true' } }
    const { body } = await call<Listed>('GET', '/repositories', open)
    expect(new Set(body.repositories.map(({ visibility }) => visibility))).toEqual(
      new Set(['public']),
    )
    const one = await call('GET', '/repositories/secret', open)
    expect(one.body).toMatchObject({ visibility: 'public' })
  })

  it('are shown to callers who may pull, and unknown to others whether they exist or not', async () => {
    expect((await call('GET', '/repositories/team/app', { as: DEV })).body).toMatchObject({
      name: 'team/app',
      visibility: 'private',
      tags: 2,
    })
    const unknown = '404 NAME_UNKNOWN: repository name not known to registry'
    for (const name of ['secret', 'missing', 'team/deep/er', 'team/none']) {
      expect(await failure('GET', `/repositories/${name}`, { as: DEV })).toBe(unknown)
      const body = { visibility: 'public' }
      expect(await failure('PATCH', `/repositories/${name}`, { as: DEV, body })).toBe(unknown)
    }
    expect(await failure('GET', '/repositories/Team')).toMatch(/repository: not a repository name/)
  })

  it('are made public and private by callers with admin on them', async () => {
    const set = (visibility: string, as: typeof DEV) => ({ as, body: { visibility } })
    const tags = () =>
      send('GET', '/v2/team/app/tags/list', {}, { ...environment, CHALLENGE: 'basic' })
    expect(await failure('PATCH', '/repositories/team/app', set('public', DEV))).toBe(
      '403 DENIED: this requires the action admin on team/app',
    )
    expect((await tags()).status).toBe(401)
    for (const visibility of ['public', 'public', 'private', 'private', 'public']) {
      const { body } = await call('PATCH', '/repositories/team/app', set(visibility, OWNER))
      expect(body).toMatchObject({ visibility })
      expect((await tags()).status).toBe(visibility === 'public' ? 200 : 401)
      const grants = await call<{ grants: unknown[] }>(
        'GET',
        '/grants?principal=anonymous&pattern=team/app',
      )
      expect(grants.body.grants).toHaveLength(visibility === 'public' ? 1 : 0)
    }
    const bad = { as: OWNER, body: { visibility: 'hidden' } }
    expect(await failure('PATCH', '/repositories/team/app', bad)).toMatch(/^400 .*visibility: /)
  })

  it('stay public and unchanged if a pattern makes them public', async () => {
    await call('PATCH', '/repositories/open/one', { body: { visibility: 'public' } })
    await grant('anonymous', 'open/**', 'pull', 'push')
    await grant('anonymous', '**', 'push')
    const body = { visibility: 'private' }
    expect(await failure('PATCH', '/repositories/open/one', { body })).toBe(
      '409 CONFLICT: open/one stays public: anonymous may pull from open/**, open/*',
    )
    const { body: found } = await call<{ grants: { pattern: string }[] }>(
      'GET',
      '/grants?principal=anonymous&pattern=open/one',
    )
    expect(found.grants).toHaveLength(1)
  })

  it('keep the other grants of anonymous when they become public', async () => {
    await grant('anonymous', 'secret', 'create')
    expect((await call('GET', '/repositories/secret')).body).toMatchObject({
      visibility: 'private',
    })
    const body = { visibility: 'public' }
    await call('PATCH', '/repositories/secret', { body })
    const row = await env.DB.prepare(
      `SELECT actions FROM grants WHERE principal_kind = 'anonymous' AND pattern = 'secret'`,
    ).first<{ actions: string }>()
    expect(row?.actions).toBe('["create","pull"]')
  })
})

describe('a repository that is deleted', () => {
  const remove = (name: string, as?: typeof DEV) =>
    call('DELETE', `/repositories/${name}`, as && { as })

  it('is removed with everything in it by a caller with admin on it', async () => {
    await pushImage('team/app', 'v3')
    expect(await failure('DELETE', '/repositories/team/app', { as: DEV })).toBe(
      '403 DENIED: this requires the action admin on team/app',
    )
    expect((await remove('team/app', OWNER)).body).toEqual({
      manifests: 2,
      blobs: 2,
      complete: true,
    })
    expect(await failure('DELETE', '/repositories/team/app', { as: OWNER })).toMatch(/^404/)
    expect(await list('?q=team/app')).toEqual([])
    for (const path of ['tags/list', 'manifests/v3']) {
      expect((await send('GET', `/v2/team/app/${path}`)).status).toBe(404)
    }
    const { body: found } = await call<{ audit: object[] }>('GET', '/audit?n=1')
    expect(JSON.stringify(found)).toContain('repository.delete')
    const { body: feed } = await call<{ events: { actor: object; target: object }[] }>(
      'GET',
      '/events?repository=team/app&action=delete',
    )
    expect(feed.events.at(-1)).toMatchObject({ actor: { name: 'owner' } })
  })

  it('is unknown to callers who may not pull from it', async () => {
    expect(await failure('DELETE', '/repositories/team/deep/er', { as: DEV })).toMatch(/^404/)
    expect(await failure('DELETE', '/repositories/missing')).toMatch(/^404/)
  })

  it('stays if deletes are disabled', async () => {
    const off = { ...environment, DELETE_ENABLED: 'false' }
    const refused = await failure('DELETE', '/repositories/team/web', { environment: off })
    expect(refused).toMatch(/^405 UNSUPPORTED: deletes are disabled/)
    expect(await list('?q=team/web')).toHaveLength(1)
  })
})
