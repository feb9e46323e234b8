/** Known attacks that reach for content: by a cache, by a mount, by a delete that is switched off, by a path without a guard. */
import { beforeAll, describe, expect, it } from 'vitest'
import { ADMIN, type Client, NOBODY, newClient } from '../support/access-clients.ts'
import { closed } from '../support/access-world.ts'
import {
  bytesOf,
  errorCodes,
  type PushedImage,
  pushBlob,
  pushImage,
  randomBytes,
} from '../support/registry.ts'

const UNKNOWN = `sha256:${'0'.repeat(64)}`

async function statusOf(client: Client, method: string, path: string): Promise<number> {
  return (await client.send(method, path)).status
}

describe('CVE-2026-35172 (distribution): a deleted blob', () => {
  it('is not readable again when another repository fills the cache', async () => {
    // Larger than what is kept out of the cache.
    const bytes = randomBytes(3_000_000)
    const { digest } = await pushBlob('cache/a', bytes)
    await pushBlob('cache/b', bytes)
    const reader = await newClient({ 'cache/*': ['pull'] })
    const [a, b] = [`/v2/cache/a/blobs/${digest}`, `/v2/cache/b/blobs/${digest}`]
    expect(await statusOf(reader, 'GET', a)).toBe(200)
    expect(await statusOf(ADMIN, 'DELETE', a)).toBe(202)
    for (let round = 0; round < 3; round += 1) {
      expect(await statusOf(reader, 'GET', b)).toBe(200)
      for (const method of ['GET', 'HEAD']) {
        expect(await statusOf(reader, method, a)).toBe(404)
      }
      const ranged = await reader.send('GET', a, { Range: 'bytes=0-9' })
      expect(ranged.status).toBe(404)
      const conditional = await reader.send('GET', a, { 'If-None-Match': `"${digest}"` })
      expect(conditional.status).toBe(404)
    }
  })
})

describe('Hono CVE-2026-24472, CVE-2026-44457: a cache between users', () => {
  it('never answers one user with the answer for another', async () => {
    const { digest: manifest, layer } = await pushImage('shared/app', 'latest')
    const [reader, other] = [await newClient({ 'shared/*': ['pull'] }), await newClient()]
    const paths = [
      'manifests/latest',
      `manifests/${manifest}`,
      `blobs/${layer.digest}`,
      'tags/list',
    ]
    for (const path of paths.map((tail) => `/v2/shared/app/${tail}`)) {
      expect(await statusOf(reader, 'GET', path)).toBe(200)
      expect(await statusOf(other, 'GET', path)).toBe(403)
      expect(await statusOf(NOBODY, 'GET', path)).toBe(401)
      expect(await statusOf(reader, 'GET', path)).toBe(200)
      expect(await statusOf(other, 'HEAD', path)).toBe(403)
    }
  })
})

describe('CVE-2026-41888 (distribution): disabled deletes', () => {
  let image: PushedImage
  beforeAll(async () => {
    image = await pushImage('undeleted/app', 'latest')
  })

  it.each([
    ['a tag', () => 'manifests/latest'],
    ['a manifest', () => `manifests/${image.digest}`],
    ['a blob', () => `blobs/${image.layer.digest}`],
    ['a tag that is not there', () => 'manifests/absent'],
    ['a blob that is not there', () => `blobs/${UNKNOWN}`],
  ])('are refused to everybody: %s', async (_, tail) => {
    const environment = { ...closed, DELETE_ENABLED: 'false' }
    const deleter = await newClient({ 'undeleted/*': ['pull', 'push', 'delete'] })
    const bearer = await deleter.bearing('repository:undeleted/app:delete')
    const path = `/v2/undeleted/app/${tail()}`
    for (const client of [ADMIN, deleter, bearer, await deleter.withAccessToken()]) {
      const response = await client.at(environment).send('DELETE', path)
      expect(response.status).toBe(405)
      expect(await errorCodes(response)).toEqual(['UNSUPPORTED'])
      expect(response.headers.get('Allow')).not.toContain('DELETE')
    }
    const reader = await newClient({ 'undeleted/*': ['pull', 'push'] })
    expect(await statusOf(reader.at(environment), 'DELETE', path)).toBe(403)
    expect(await statusOf(NOBODY.at(environment), 'DELETE', path)).toBe(401)
    expect(await statusOf(ADMIN, 'GET', '/v2/undeleted/app/manifests/latest')).toBe(200)
    expect(await statusOf(ADMIN, 'GET', `/v2/undeleted/app/blobs/${image.layer.digest}`)).toBe(200)
  })
})

describe('CVE-2026-27771 (Gitea): "private" on every route', () => {
  it('refuses a caller without a grant, and admits it once it has one', async () => {
    const { digest, layer } = await pushImage('gitea/app', 'latest')
    const client = await newClient({
      'gitea/app2': ['pull'],
      'gitea/ap': ['pull'],
      gitea: ['pull'],
    })
    const tails = ['tags/list', 'manifests/latest', `manifests/${digest}`]
    const all = [...tails, `blobs/${layer.digest}`, `referrers/${digest}`]
    for (const tail of all) {
      for (const method of ['GET', 'HEAD']) {
        const path = `/v2/gitea/app/${tail}`
        expect(await statusOf(NOBODY, method, path)).toBe(401)
        expect(
          await statusOf(await NOBODY.bearing('repository:gitea/app:pull'), method, path),
        ).toBe(401)
        expect(await statusOf(client, method, path)).toBe(403)
      }
    }
    // Public, and private again: each acts on the next request.
    await ADMIN.call('PATCH', '/repositories/gitea/app', { visibility: 'public' })
    const anonymous = await NOBODY.bearing('repository:gitea/app:pull')
    for (const tail of all) {
      expect(await statusOf(anonymous, 'GET', `/v2/gitea/app/${tail}`)).toBe(200)
    }
    expect(await statusOf(anonymous, 'POST', '/v2/gitea/app/blobs/uploads/')).toBe(401)
    await ADMIN.call('PATCH', '/repositories/gitea/app', { visibility: 'private' })
    const late = await NOBODY.bearing('repository:gitea/app:pull')
    for (const tail of all) {
      expect(await statusOf(late, 'GET', `/v2/gitea/app/${tail}`)).toBe(401)
      expect(await statusOf(client, 'GET', `/v2/gitea/app/${tail}`)).toBe(403)
    }
  })
})

describe('scripts in blobs', () => {
  it.each(['GET', 'HEAD'])('never run in the registry’s origin: %s', async (method) => {
    const page = bytesOf('<!doctype html><script>alert(1)</script>')
    const { digest } = await pushBlob('pages/app', page)
    for (const headers of [{}, { Range: 'bytes=0-9' }, { Range: 'bytes=0-1,5-6' }]) {
      const response = await ADMIN.send(method, `/v2/pages/app/blobs/${digest}`, {
        Accept: 'text/html',
        ...headers,
      })
      expect(response.ok).toBe(true)
      const got = (name: string) => response.headers.get(name)
      expect(got('X-Content-Type-Options')).toBe('nosniff')
      expect(got('Content-Security-Policy')).toBe("sandbox; default-src 'none'")
      expect(got('Content-Disposition')).toBe('attachment')
      expect(got('Content-Type')).toMatch(/^(application\/octet-stream$|multipart\/byteranges;)/)
    }
  })
})
