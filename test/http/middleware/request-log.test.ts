/** The log: one JSON line a request, with what an operator asks for and nothing that opens a door. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { digestOf } from '../../../src/oci/digest.ts'
import { newClient } from '../../support/access-clients.ts'
import { closed } from '../../support/access-world.ts'
import {
  beginUpload,
  bindings,
  pushBlob,
  pushImage,
  randomBytes,
  send,
} from '../../support/registry.ts'
import { idOf, nameOf } from '../../support/uploads.ts'

const environment = { ...bindings, LOG_REQUESTS: 'true' }

async function linesOf(work: () => Promise<unknown>): Promise<Record<string, unknown>[]> {
  const log = vi.spyOn(console, 'log').mockReturnValue(undefined)
  await work()
  return log.mock.calls.map(([line]) => JSON.parse(String(line)))
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('a request', () => {
  it('writes one line', async () => {
    const { bytes } = await pushImage('log/app', 'latest')
    await send('GET', '/v2/log/app/manifests/latest')
    const headers = { 'CF-Connecting-IP': '203.0.113.7' }
    const lines = await linesOf(() =>
      send('GET', '/v2/log/app/manifests/latest?x=1', { headers }, environment),
    )
    expect(lines).toEqual([
      {
        message: 'request',
        requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        method: 'GET',
        route: '/manifests',
        path: '/v2/log/app/manifests/latest',
        repository: 'log/app',
        subject: '',
        address: '203.0.113.7',
        status: 200,
        bytes: bytes.length,
        cache: null,
        d1: 1,
        r2: { reads: 0, writes: 0, deletes: 0 },
        uploads: 0,
        ms: expect.any(Number),
      },
    ])
  })

  it('that is refused has the code, the reason and the caller', async () => {
    const client = await newClient({ 'log/app': ['pull'] })
    const logging = client.at({ ...closed, LOG_REQUESTS: 'true' })
    const path = '/v2/log/app/manifests/latest'
    const lines = await linesOf(() => logging.send('DELETE', path))
    expect(lines).toMatchObject([
      {
        status: 403,
        subject: client.name,
        code: 'DENIED',
        reason: expect.stringMatching(/denied/),
      },
    ])
    const unknown = await linesOf(() => logging.send('GET', '/v2/log/app/manifests/none'))
    expect(unknown.at(-1)).toMatchObject({ status: 404, code: 'MANIFEST_UNKNOWN' })
  })

  it('for headers only has no bytes', async () => {
    await pushImage('log/app', 'latest')
    const lines = await linesOf(() => send('HEAD', '/v2/log/app/manifests/latest', {}, environment))
    expect(lines).toMatchObject([{ method: 'HEAD', status: 200, bytes: 0 }])
  })

  it('on an upload has the upload’s name, never its id', async () => {
    const location = await beginUpload('log/app')
    const uploads = '/v2/log/app/blobs/uploads/'
    const lines = await linesOf(async () => {
      await send('GET', location, {}, environment)
      await send('PATCH', location, { body: randomBytes(10) }, environment)
      await send('GET', `${location.slice(0, -1)}~`, {}, environment)
      for (const wrong of [
        `${location}/`,
        location.replace('/uploads/', '//'),
        `/${idOf(location)}`,
      ]) {
        await send('GET', wrong, {}, environment)
      }
    })
    const paths = [nameOf(location), nameOf(location), '*'].map((name) => uploads + name)
    expect(lines.slice(0, 3).map(({ path }) => path)).toEqual(paths)
    expect(lines).toHaveLength(6)
    expect(JSON.stringify(lines)).not.toContain(idOf(location).slice(0, -1))
  })

  it.each([
    ['/v2/log/app/manifests/none', 404, '/manifests', 1],
    ['/nowhere', 404, '/unknown', 0],
    ['/v2/Log/tags/list', 400, '/tags', 0],
    ['/api/v1/accounts/absent', 404, '/api/v1', 1],
    ['/api/v1/nothing', 404, '/api/v1', 0],
  ])('that fails writes a line too: %s', async (path, status, route, d1) => {
    const lines = await linesOf(() => send('GET', path, {}, environment))
    expect(lines).toMatchObject([{ message: 'request', path, status, route, d1 }])
  })

  it('that invalid settings refuse writes a line', async () => {
    const lines = await linesOf(() =>
      send('GET', '/v2/', {}, { ...environment, PUBLIC_URL: 'no URL' }),
    )
    expect(lines).toMatchObject([{ route: '/unknown', path: '/v2/', status: 503, d1: 0 }])
  })

  it('that fails in the registry writes a line with the calls until then', async () => {
    vi.spyOn(console, 'error').mockReturnValue(undefined)
    const failing = { prepare: () => bindings.DB.prepare('SELECT * FROM nothing') }
    const DB = new Proxy(bindings.DB, {
      get: (target, name) => Reflect.get(name === 'prepare' ? failing : target, name),
    })
    const lines = await linesOf(() => send('GET', '/v2/a/tags/list', {}, { ...environment, DB }))
    expect(lines).toMatchObject([{ route: '/tags', status: 500, d1: 1 }])
  })

  it('that streams has the calls until its answer began, and all its bytes', async () => {
    const { digest } = await pushBlob('log/app', randomBytes(1000))
    const path = `/v2/log/app/blobs/${digest}`
    const lines = await linesOf(async () => {
      await send('GET', path, { headers: { Range: 'bytes=10-19' } }, environment)
      await send('GET', path, {}, environment)
      await send('GET', path, {}, environment)
    })
    expect(lines).toMatchObject([
      { route: '/blobs', status: 206, bytes: 10, cache: 'miss', d1: 1, r2: { reads: 1 } },
      { route: '/blobs', status: 200, bytes: 1000, cache: 'miss', d1: 1, r2: { reads: 1 } },
      { route: '/blobs', status: 200, bytes: 1000, cache: 'hit', d1: 1, r2: { reads: 0 } },
    ])
  })

  it('that pushes has the writes, and the calls of the upload session', async () => {
    const bytes = randomBytes(100)
    const digest = await digestOf(bytes)
    const lines = await linesOf(async () => {
      await send(
        'POST',
        `/v2/log/app/blobs/uploads/?digest=${digest}`,
        { body: bytes, headers: { 'Content-Length': '100' } },
        environment,
      )
      const begun = await send('POST', '/v2/log/app/blobs/uploads/', {}, environment)
      const location = begun.headers.get('Location') ?? ''
      await send('PATCH', location, { body: bytes }, environment)
    })
    expect(lines).toMatchObject([
      { route: '/uploads', status: 201, bytes: 0, d1: 1, r2: { writes: 1 }, uploads: 0 },
      { route: '/uploads', status: 202, bytes: 0, r2: { writes: 0 }, uploads: 0 },
      { route: '/upload', status: 202, bytes: 0, d1: 0, r2: { writes: 0 }, uploads: 1 },
    ])
  })

  it('writes no line if LOG_REQUESTS is off', async () => {
    const quiet = { ...environment, LOG_REQUESTS: 'false' }
    expect(await linesOf(() => send('GET', '/v2/', {}, quiet))).toEqual([])
  })
})
