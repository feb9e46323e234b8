/**
 * Request paths: the cases of docker/distribution's routes_test.go, and what a path can do to confuse a router. First the reader
 * of paths alone, then what a client is told.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { matchPath, type Route } from '../../../src/http/middleware/path.ts'
import { errorCodes, ORIGIN, type PushedImage, pushImage, send } from '../../support/registry.ts'

const DIGEST = `sha256:${'0'.repeat(64)}`

describe('matchPath', () => {
  it.each<[string, Route, string | null, string]>([
    ['/', '/', null, ''],
    ['/healthz', '/healthz', null, ''],
    ['/readyz', '/readyz', null, ''],
    ['/metrics', '/metrics', null, ''],
    ['/v2', '/version', null, ''],
    ['/v2/', '/version', null, ''],
    ['/v2/_catalog', '/catalog', null, ''],

    // routes_test.go
    ['/v2/foo/manifests/bar', '/manifests', 'foo', 'bar'],
    ['/v2/foo/bar/manifests/tag', '/manifests', 'foo/bar', 'tag'],
    ['/v2/foo/bar/manifests/sha256:abcdef01', '/manifests', 'foo/bar', 'sha256:abcdef01'],
    ['/v2/foo/bar/tags/list', '/tags', 'foo/bar', ''],
    ['/v2/docker.com/foo/tags/list', '/tags', 'docker.com/foo', ''],
    ['/v2/docker.com/foo/bar/baz/tags/list', '/tags', 'docker.com/foo/bar/baz', ''],
    ['/v2/foo/bar/blobs/sha256:abcdef0919234', '/blobs', 'foo/bar', 'sha256:abcdef0919234'],
    ['/v2/foo/bar/blobs/uploads/', '/uploads', 'foo/bar', ''],
    ['/v2/foo/bar/blobs/uploads/uuid', '/upload', 'foo/bar', 'uuid'],
    ['/v2/foo/bar/blobs/uploads/RDk1MzA2RkEt_-==', '/upload', 'foo/bar', 'RDk1MzA2RkEt_-=='],
    ['/v2/foo/bar/manifests/manifests/tags', '/manifests', 'foo/bar/manifests', 'tags'],
    ['/v2/foo/bar/manifests/tags/list', '/tags', 'foo/bar/manifests', ''],
    ['/v2/localhost:8080/foo/tags/list', '/tags', 'localhost:8080/foo', ''],

    // Without the slash at the end, as many clients send it.
    ['/v2/foo/blobs/uploads', '/uploads', 'foo', ''],
    ['/v2/foo/referrers/sha256:ab', '/referrers', 'foo', 'sha256:ab'],

    // Repositories and tags that are called like a noun of the API.
    ['/v2/manifests/manifests/manifests', '/manifests', 'manifests', 'manifests'],
    ['/v2/tags/tags/list', '/tags', 'tags', ''],
    ['/v2/tags/list/tags/list', '/tags', 'tags/list', ''],
    ['/v2/tags/list/manifests/list', '/manifests', 'tags/list', 'list'],
    ['/v2/foo/manifests/list', '/manifests', 'foo', 'list'],
    ['/v2/blobs/blobs/sha256:ab', '/blobs', 'blobs', 'sha256:ab'],
    ['/v2/blobs/blobs/uploads', '/uploads', 'blobs', ''],
    ['/v2/a/blobs/uploads/blobs/uploads/', '/uploads', 'a/blobs/uploads', ''],
    ['/v2/a/blobs/uploads/blobs/uploads/id', '/upload', 'a/blobs/uploads', 'id'],
    ['/v2/a/blobs/uploads/blobs/sha256:ab', '/blobs', 'a/blobs/uploads', 'sha256:ab'],
    ['/v2/a/blobs/uploads/manifests/uploads', '/manifests', 'a/blobs/uploads', 'uploads'],
    ['/v2/uploads/blobs/uploads/uploads', '/upload', 'uploads', 'uploads'],
    ['/v2/referrers/referrers/sha256:ab', '/referrers', 'referrers', 'sha256:ab'],
    ['/v2/_catalog/tags/list', '/tags', '_catalog', ''],

    // Escapes: a digest's colon is decoded, nothing else.
    ['/v2/foo/manifests/sha256%3aab', '/manifests', 'foo', 'sha256:ab'],
    ['/v2/foo/blobs/sha256%3Aab', '/blobs', 'foo', 'sha256:ab'],
    ['/v2/foo%2Fbar/tags/list', '/tags', 'foo%2Fbar', ''],
    ['/v2/foo%252Fbar/tags/list', '/tags', 'foo%252Fbar', ''],
    ['/v2/foo%3Abar/tags/list', '/tags', 'foo%3Abar', ''],
    ['/v2/foo/manifests/a%2Fb', '/manifests', 'foo', 'a%2Fb'],
    ['/v2/foo%2Fmanifests%2Fbar', '/unknown', null, ''],
    ['/v2/foo/tags%2Flist', '/unknown', null, ''],
    ['/%76%32/', '/unknown', null, ''],

    // A name that is missing is an empty name, not a route without one.
    ['/v2/manifests/latest', '/manifests', '', 'latest'],
    ['/v2//manifests/latest', '/manifests', '', 'latest'],
    ['/v2/tags/list', '/tags', '', ''],
    ['/v2/blobs/uploads/', '/uploads', '', ''],
    ['/v2//foo/tags/list', '/tags', '/foo', ''],
    ['/v2/foo//bar/tags/list', '/tags', 'foo//bar', ''],
    ['/v2/foo//tags/list', '/tags', 'foo/', ''],

    ['', '/unknown', null, ''],
    ['/v1/', '/unknown', null, ''],
    ['/v2x/', '/unknown', null, ''],
    ['/V2/', '/unknown', null, ''],
    ['//v2/', '/unknown', null, ''],
    ['/v2//', '/unknown', null, ''],
    ['/v2/_catalog/', '/unknown', null, ''],
    ['/v2/foo', '/unknown', null, ''],
    ['/v2/foo/', '/unknown', null, ''],
    ['/v2/foo/tags', '/unknown', null, ''],
    ['/v2/foo/tags/other', '/unknown', null, ''],
    ['/v2/foo/tags/list/', '/unknown', null, ''],
    ['/v2/foo/manifests', '/unknown', null, ''],
    ['/v2/foo/bar/baz', '/unknown', null, ''],
    ['/blobs', '/unknown', null, ''],
    ['/manifests', '/unknown', null, ''],
    ['/unknown', '/unknown', null, ''],
    ['/docs', '/docs', null, ''],
    ['/docs/', '/docs', null, ''],
    ['/docs/spec/tokens', '/docs', null, 'spec/tokens'],
    ['/docsx', '/unknown', null, ''],
  ])('%s', (path, route, repository, reference) => {
    expect(matchPath(path, '')).toEqual({ route, repository, reference })
    if (path !== '') {
      expect(matchPath(`/some/prefix${path}`, '/some/prefix')).toEqual({
        route,
        repository,
        reference,
      })
    }
  })

  it.each(['/v2/', '/other/v2/', '/prefixed/v2/', '/prefix', '/healthz', '/prefix%2Fv2/'])(
    'does not take %s for a path under /prefix',
    (path) => {
      expect(matchPath(path, '/prefix').route).toBe('/unknown')
    },
  )
})

describe('a client', () => {
  let image: PushedImage

  beforeAll(async () => {
    image = await pushImage('foo/bar', 'latest')
  })

  it.each<[string, number, string?]>([
    ['/v2', 200],
    ['/v2/', 200],
    ['/v2/foo/bar/manifests/latest', 200],
    ['/v2/foo/bar/tags/list', 200],

    // The URL's own rules come first: dot segments are resolved, a backslash is a slash.
    ['/v2/foo/./bar/tags/list', 200],
    ['/v2/foo/x/../bar/tags/list', 200],
    ['/v2/foo/x/%2e%2E/bar/tags/list', 200],
    ['/v2\\foo\\bar\\tags\\list', 200],
    ['/v2/../../../v2/', 200],
    ['/v2/foo/bar/tags/list#fragment', 200],
    ['/v2/../etc/passwd', 404, 'UNSUPPORTED'],
    ['/v2/foo/bar/manifests/..', 404, 'UNSUPPORTED'],

    ['/v2/foo%2Fbar/tags/list', 400, 'NAME_INVALID'],
    ['/v2/foo%2fbar/manifests/latest', 400, 'NAME_INVALID'],
    ['/v2/foo%252Fbar/tags/list', 400, 'NAME_INVALID'],
    ['/v2/foo%5Cbar/tags/list', 400, 'NAME_INVALID'],
    ['/v2/foo%2F..%2Fbar/tags/list', 400, 'NAME_INVALID'],
    ['/v2/foo/%2E%2E%2Fbar/tags/list', 400, 'NAME_INVALID'],
    ['/v2/foo%00/tags/list', 400, 'NAME_INVALID'],
    ['/v2/foo%0Abar/tags/list', 400, 'NAME_INVALID'],
    ['/v2/foo%/tags/list', 400, 'NAME_INVALID'],
    ['/v2/foo%ff/tags/list', 400, 'NAME_INVALID'],
    ['/v2/foo bar/tags/list', 400, 'NAME_INVALID'],
    ['/v2/Foo/tags/list', 400, 'NAME_INVALID'],
    ['/v2/f\u00f6\u00f6/tags/list', 400, 'NAME_INVALID'],
    ['/v2/foo/-bar/tags/list', 400, 'NAME_INVALID'],
    ['/v2/foo..bar/tags/list', 400, 'NAME_INVALID'],
    ['/v2/localhost:8080/foo/tags/list', 400, 'NAME_INVALID'],
    ['/v2/__proto__/tags/list', 400, 'NAME_INVALID'],
    ["/v2/a'--/tags/list", 400, 'NAME_INVALID'],

    ['/v2//foo/bar/tags/list', 400, 'NAME_INVALID'],
    ['/v2/foo//bar/tags/list', 400, 'NAME_INVALID'],
    ['/v2/foo/bar//tags/list', 400, 'NAME_INVALID'],
    ['//v2/foo/bar/tags/list', 404, 'UNSUPPORTED'],
    ['/v2/foo/bar/tags/list/', 404, 'UNSUPPORTED'],
    ['/v2/foo/bar', 404, 'UNSUPPORTED'],
    ['/v2/tags/list', 400, 'NAME_INVALID'],
    ['/v2/manifests/latest', 400, 'NAME_INVALID'],
    [`/v2/blobs/${DIGEST}`, 400, 'NAME_INVALID'],
    ['/v2//manifests/latest', 400, 'NAME_INVALID'],

    ['/v2/foo/bar/manifests/a%2Fb', 400, 'TAG_INVALID'],
    ['/v2/foo/bar/manifests/', 400, 'TAG_INVALID'],
    ['/v2/foo/bar/manifests/.hidden', 400, 'TAG_INVALID'],
    ['/v2/foo/bar/manifests/latest%00', 400, 'TAG_INVALID'],
    ['/v2/foo/bar/manifests/latest%20', 400, 'TAG_INVALID'],
    ['/v2/foo/bar/manifests/sha257:abc', 400, 'DIGEST_INVALID'],
    ['/v2/foo/bar/manifests/sha256:abc', 400, 'DIGEST_INVALID'],
    [`/v2/foo/bar/manifests/${DIGEST}`, 404, 'MANIFEST_UNKNOWN'],
    [`/v2/foo/bar/manifests/${DIGEST.replace(':', '%3A')}`, 404, 'MANIFEST_UNKNOWN'],
    [`/v2/foo/bar/manifests/${DIGEST.replace(':', '%253A')}`, 400, 'TAG_INVALID'],
    ['/v2/foo/bar/blobs/sha257:abc', 400, 'DIGEST_INVALID'],
    ['/v2/foo/bar/blobs/latest', 400, 'DIGEST_INVALID'],
    ['/v2/foo/bar/blobs/', 400, 'DIGEST_INVALID'],
    [`/v2/foo/bar/blobs/${DIGEST.toUpperCase()}`, 400, 'DIGEST_INVALID'],
    [`/v2/foo/bar/blobs/${DIGEST}`, 404, 'BLOB_UNKNOWN'],
    ['/v2/foo/bar/blobs/uploads/totalandcompletejunk++$$-==', 404, 'BLOB_UPLOAD_UNKNOWN'],
    ['/v2/foo/bar/blobs/uploads/D95306FA-FAD3-4E36-8D41-CF1C93EF8286', 404, 'BLOB_UPLOAD_UNKNOWN'],
    ['/v2/foo/bar/blobs/uploads/%E4%B8%8D', 404, 'BLOB_UPLOAD_UNKNOWN'],
  ])('GET %s', async (path, status, code) => {
    const response = await send('GET', `${ORIGIN}${path}`)
    expect(response.status).toBe(status)
    if (code !== undefined) expect(await errorCodes(response)).toEqual([code])
  })

  it.each<[string, string, number, string]>([
    ['a name of 255', `/v2/${'a/'.repeat(127)}a/tags/list`, 404, 'NAME_UNKNOWN'],
    ['a name of 256', `/v2/${'a/'.repeat(127)}aa/tags/list`, 400, 'NAME_INVALID'],
    ['a name of 256 in one component', `/v2/${'a'.repeat(256)}/tags/list`, 400, 'NAME_INVALID'],
    ['a name of 16,000', `/v2/${'a-'.repeat(8000)}/tags/list`, 400, 'NAME_INVALID'],
    ['a tag of 128', `/v2/foo/bar/manifests/${'t'.repeat(128)}`, 404, 'MANIFEST_UNKNOWN'],
    ['a tag of 129', `/v2/foo/bar/manifests/${'t'.repeat(129)}`, 400, 'TAG_INVALID'],
  ])('is told of %s characters', async (_, path, status, code) => {
    const response = await send('GET', path)
    expect(response.status).toBe(status)
    expect(await errorCodes(response)).toEqual([code])
  })

  it.each([
    ['PUT', '/v2/manifests/latest'],
    ['POST', '/v2/blobs/uploads/'],
    ['POST', '/v2//blobs/uploads/?digest-algorithm=sha256'],
  ])('%s %s does not create a repository without a name', async (method, path) => {
    const response = await send(method, `${ORIGIN}${path}`)
    expect(response.status).toBe(400)
    expect(await errorCodes(response)).toEqual(['NAME_INVALID'])
  })

  it('reads a digest with an escaped colon', async () => {
    const escaped = image.digest.replace(':', '%3A')
    expect((await send('GET', `/v2/foo/bar/manifests/${escaped}`)).status).toBe(200)
  })

  it.each([
    ['manifests', 'manifests'],
    ['tags', 'list'],
    ['blobs', 'uploads'],
    ['a/blobs/uploads', 'blobs'],
    ['uploads', 'tags'],
    ['a/manifests', 'tags'],
    ['referrers', '_catalog'],
  ])('pushes to the repository %s and pulls the tag %s', async (repository, tag) => {
    const { digest, layer } = await pushImage(repository, tag)
    const pulled = await send('GET', `/v2/${repository}/manifests/${tag}`)
    expect(pulled.headers.get('Docker-Content-Digest')).toBe(digest)
    expect((await send('HEAD', `/v2/${repository}/blobs/${layer.digest}`)).status).toBe(200)
    const tags = await send('GET', `/v2/${repository}/tags/list`)
    expect(await tags.json()).toEqual({ name: repository, tags: [tag] })
  })
})
