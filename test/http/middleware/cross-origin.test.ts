/** Pages of other origins (Fetch standard, CORS): none without a setting, then exactly those that it lists. */
import { describe, expect, it } from 'vitest'
import { bindings, errorCodes, ORIGIN, send } from '../../support/registry.ts'

const LISTED = 'https://ui.example.com'
const environment = { ...bindings, CORS_ORIGINS: `${LISTED},http://localhost:3000` }

function preflight(origin: string, environment?: typeof bindings) {
  const headers = { Origin: origin, 'Access-Control-Request-Method': 'PUT' }
  return send('OPTIONS', '/v2/a/manifests/latest', { headers }, environment)
}

describe('a page of another origin', () => {
  it.each(['GET', 'OPTIONS'])('may not read the answer to %s by default', async (method) => {
    const { headers } = await send(method, '/v2/', { headers: { Origin: LISTED } })
    expect(headers.has('Access-Control-Allow-Origin')).toBe(false)
  })

  it.each([LISTED, 'http://localhost:3000'])('may read it if it is listed: %s', async (origin) => {
    const { status, headers } = await preflight(origin, environment)
    expect(status).toBe(204)
    expect(headers.get('Access-Control-Allow-Origin')).toBe(origin)
    expect(headers.get('Access-Control-Allow-Headers')).toContain('Authorization')
    const answer = await send('GET', '/v2/', { headers: { Origin: origin } }, environment)
    expect(answer.headers.get('Access-Control-Allow-Origin')).toBe(origin)
    expect(answer.headers.get('Access-Control-Expose-Headers')).toContain('Docker-Content-Digest')
  })

  it('may send a stored login and Joxit’s requests if it is listed', async () => {
    const { headers } = await preflight(LISTED, environment)
    const allowed = headers.get('Access-Control-Allow-Headers')?.toLowerCase().split(',')
    // https://github.com/Joxit/docker-registry-ui: what it asks of the registry's configuration.
    expect(allowed).toEqual(expect.arrayContaining(['authorization', 'accept', 'cache-control']))
    expect(headers.get('Access-Control-Allow-Credentials')).toBe('true')
    const answer = await send('GET', '/v2/', { headers: { Origin: LISTED } }, environment)
    expect(answer.headers.get('Access-Control-Allow-Credentials')).toBe('true')
    expect(answer.headers.get('Access-Control-Allow-Origin')).toBe(LISTED)
  })

  it.each([
    'https://ui.example.com.evil.com',
    'http://ui.example.com',
    'https://UI.example.com',
    'https://ui.example.com:8443',
    'https://example.com',
    'null',
    '*',
  ])('may not read it if only another one is listed: %s', async (origin) => {
    for (const { headers } of [
      await preflight(origin, environment),
      await send('GET', '/v2/', { headers: { Origin: origin } }, environment),
    ]) {
      expect(headers.has('Access-Control-Allow-Origin')).toBe(false)
      expect(headers.has('Access-Control-Allow-Credentials')).toBe(false)
    }
  })

  it('may read errors too if it is listed', async () => {
    const headers = { Origin: LISTED }
    const answer = await send('GET', '/v2/a/manifests/none', { headers }, environment)
    expect(answer.status).toBe(404)
    expect(answer.headers.get('Access-Control-Allow-Origin')).toBe(LISTED)
  })
})

describe('OPTIONS without an origin', () => {
  it('lists the methods, whatever is configured', async () => {
    const { status, headers } = await send('OPTIONS', '/v2/a/manifests/latest', {}, environment)
    expect(status).toBe(200)
    expect(headers.get('Allow')).toContain('PUT')
  })
})

describe('a change', () => {
  const CHANGES = [
    ['POST', '/v2/a/blobs/uploads/'],
    ['PUT', '/v2/a/manifests/latest'],
    ['PATCH', '/v2/a/blobs/uploads/id'],
    ['DELETE', '/v2/a/manifests/latest'],
    ['POST', '/token'],
    ['POST', '/api/v1/accounts'],
    ['POST', '/nowhere'],
  ] as const

  it.each(CHANGES)('is refused to pages of other origins: %s %s', async (method, path) => {
    const pages: Record<string, string>[] = [
      { Origin: 'https://evil.example' },
      { Origin: 'null' },
      { Origin: 'http://registry.test:81' },
      { Origin: 'https://registry.test' },
      { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'same-origin' },
      { 'Sec-Fetch-Site': 'cross-site' },
      { 'Sec-Fetch-Site': 'same-site' },
    ]
    for (const headers of pages) {
      const refused = await send(method, path, { headers }, environment)
      expect(refused.status, JSON.stringify(headers)).toBe(403)
      expect(await errorCodes(refused)).toEqual(['DENIED'])
    }
  })

  it.each(CHANGES)('is not refused to other clients and pages: %s %s', async (method, path) => {
    const clients: Record<string, string>[] = [
      {},
      { Origin: ORIGIN },
      { Origin: LISTED },
      { Origin: LISTED, 'Sec-Fetch-Site': 'cross-site' },
      { 'Sec-Fetch-Site': 'same-origin' },
      { 'Sec-Fetch-Site': 'none' },
    ]
    for (const headers of clients) {
      const { status } = await send(method, path, { headers }, environment)
      expect(status, JSON.stringify(headers)).not.toBe(403)
    }
  })

  it('of a page of PUBLIC_URL is not refused', async () => {
    const behind = { ...bindings, PUBLIC_URL: 'https://r.example', ALLOWED_HOSTS: 'registry.test' }
    const begin = (Origin: string) =>
      send('POST', '/v2/a/blobs/uploads/', { headers: { Origin } }, behind)
    expect((await begin('https://r.example')).status).toBe(202)
    expect((await begin('https://r.example:8443')).status).toBe(403)
  })

  it('is the only thing refused: pages of other origins may send requests that change nothing', async () => {
    const headers = { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' }
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      expect((await send(method, '/v2/', { headers })).status).toBe(200)
    }
  })
})
