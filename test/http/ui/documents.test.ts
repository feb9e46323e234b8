/** `/docs`: the rendered documents, as files behind the ASSETS binding. */
import { describe, expect, it } from 'vitest'
import type { Env } from '../../../src/http/middleware/context.ts'
import { closed } from '../../support/access-world.ts'
import { bindings, type ErrorBody, errorCodes, send } from '../../support/registry.ts'

const HTML = { Accept: 'text/html,*/*;q=0.8' }

const { ASSETS: _none, ...bare } = bindings

/** The environment of a program that embeds the registry, without files. */
const withoutFiles: Env = bare

describe('a document', () => {
  it.each([
    ['/docs', 'text/html', '<h1>Documents</h1>'],
    ['/docs/start', 'text/html', 'id="quick-start"'],
    ['/docs/api', 'text/html', '/api/v1/accounts/{name}'],
    ['/docs/style.css', 'text/css', '.contents'],
    ['/docs/icon.svg', 'image/svg+xml', '<svg'],
  ])('is served: %s', async (path, type, text) => {
    const response = await send('GET', path)
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toContain(type)
    expect(await response.text()).toContain(text)
  })

  it('has a policy that allows only the stylesheet and images of the registry', async () => {
    const { headers } = await send('GET', '/docs')
    expect(headers.get('Content-Security-Policy')).toBe(
      "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    )
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
    expect(headers.get('Referrer-Policy')).toBe('no-referrer')
  })

  it('is checked with its ETag before it is shown again', async () => {
    const { headers } = await send('GET', '/docs')
    expect(headers.get('Cache-Control')).toBe('no-cache')
    const tag = headers.get('ETag') ?? ''
    expect(tag).toMatch(/^(W\/)?".+"$/)
    const again = await send('GET', '/docs', { headers: { 'If-None-Match': tag } })
    expect(again.status).toBe(304)
    expect(await again.text()).toBe('')
    const other = await send('GET', '/docs/api', { headers: { 'If-None-Match': tag } })
    expect(other.status).toBe(200)
  })

  it('has no body for HEAD', async () => {
    const response = await send('HEAD', '/docs')
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
  })

  it('is public, and asks no database', async () => {
    const environment = {
      ...closed,
      DB: new Proxy(closed.DB, {
        get() {
          throw new Error('asked')
        },
      }),
    }
    expect((await send('GET', '/docs', {}, environment)).status).toBe(200)
  })

  it('has no scripts, and asks no other host', async () => {
    for (const path of ['/docs', '/docs/start', '/docs/api']) {
      const page = await (await send('GET', path)).text()
      expect(page).not.toMatch(/<script|<iframe|<form|\sstyle=|\son[a-z]+=|src="|@import/)
      expect(page.match(/<link [^>]*>/g)).toHaveLength(2)
    }
  })

  it('is under the prefix of PUBLIC_URL, with the same links', async () => {
    const environment = { ...bindings, PUBLIC_URL: 'http://registry.test/team' }
    for (const path of ['/docs', '/docs/api']) {
      const page = await (await send('GET', path)).text()
      const prefixed = await send('GET', `/team${path}`, {}, environment)
      expect(await prefixed.text()).toBe(page)
      expect(page).not.toMatch(/href="\//)
      expect((await send('GET', path, {}, environment)).status).toBe(404)
    }
  })

  it('is found without a slash at its end', async () => {
    for (const [path, to] of [
      ['/docs/', '/docs'],
      ['/docs/api/', '/docs/api'],
      ['/docs/api//', '/docs/api'],
    ] as const) {
      const response = await send('GET', path)
      expect(response.status).toBe(301)
      expect(response.headers.get('Location')).toBe(to)
    }
    const environment = { ...bindings, PUBLIC_URL: 'http://registry.test/team' }
    const response = await send('GET', '/team/docs/', {}, environment)
    expect(response.headers.get('Location')).toBe('/team/docs')
  })
})

describe('what is no document', () => {
  it.each([
    '/docs/nothing',
    '/docs/index',
    '/docs/index.html',
    '/docs/api.html',
    '/docs/API',
    '/docs//api',
    '/docs/%2e%2e%2fstart',
    '/docs/..%2Fstart',
    '/docs/a%00',
    '/docs/start.md',
  ])('is not found: %s', async (path) => {
    const response = await send('GET', path)
    expect(response.status).toBe(404)
    expect(await errorCodes(response)).toEqual(['UNSUPPORTED'])
    const page = await send('GET', path, { headers: HTML })
    expect(page.status).toBe(404)
    expect(page.headers.get('Content-Type')).toBe('text/html; charset=utf-8')
    expect(await page.text()).toContain('there is no such document')
  })

  it('refuses other methods', async () => {
    const response = await send('POST', '/docs')
    expect(response.status).toBe(405)
    expect(response.headers.get('Allow')).toBe('GET, HEAD')
  })
})

describe('a registry without files, as one that is embedded', () => {
  it('says so', async () => {
    for (const path of ['/docs', '/docs/', '/docs/api', '/docs/style.css']) {
      const response = await send('GET', path, {}, withoutFiles)
      expect(response.status).toBe(404)
      const { errors } = await response.json<ErrorBody>()
      expect(errors[0]?.message).toBe('this registry was set up without its documents')
      const page = await send('GET', path, { headers: HTML }, withoutFiles)
      expect(page.status).toBe(404)
      expect(await page.text()).toContain('this registry was set up without its documents')
    }
  })

  it('has a page without links to them', async () => {
    const response = await send('GET', '/', { headers: HTML }, withoutFiles)
    const page = await response.text()
    expect(page).toContain('docker push')
    expect(page).not.toContain('docs')
  })
})
