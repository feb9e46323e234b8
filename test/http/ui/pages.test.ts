/** The page that browsers get, and that nobody else gets anything else than before. */
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import { createRegistry } from '../../../src/create-registry.ts'
import type { Env } from '../../../src/http/middleware/context.ts'
import { prefersHtml } from '../../../src/http/ui/pages.ts'
import { STYLE } from '../../../src/http/ui/style.ts'
import { closed } from '../../support/access-world.ts'
import { bindings, bytesOf, errorCodes, send } from '../../support/registry.ts'

/** What Chromium sends for a page. */
const BROWSER =
  'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8'

function browse(path: string, environment: Env = bindings, method = 'GET', headers = {}) {
  return send(method, path, { headers: { Accept: BROWSER, ...headers } }, environment)
}

async function pageOf(path: string, environment: Env = bindings, headers = {}): Promise<string> {
  return (await browse(path, environment, 'GET', headers)).text()
}

describe('a client that asks for HTML', () => {
  it.each([
    [BROWSER, true],
    ['text/html', true],
    ['TEXT/HTML;level=1', true],
    ['application/json;q=0.5, text/html;q=0.6', true],
    ['', false],
    ['*/*', false],
    ['text/*', false],
    ['text/html;q=0', false],
    ['text/html;q=x', false],
    ['application/json', false],
    ['application/json, text/html', false],
    ['application/json, text/plain, */*', false],
    ['application/vnd.oci.image.index.v1+json, */*', false],
    ['text/html2', false],
  ])('is recognised by Accept: %s: %s', (accept, expected) => {
    expect(prefersHtml(accept)).toBe(expected)
  })
})

describe('/', () => {
  it('is a page for browsers', async () => {
    const response = await browse('/')
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe('text/html; charset=utf-8')
    const page = await response.text()
    expect(page).toContain('<h1>This is a container registry</h1>')
    expect(page).toContain('docker push registry.test/app:1.0')
    expect(page).toContain('docker pull registry.test/app:1.0')
    expect(page).toContain('href="/docs"')
  })

  it('is empty for everybody else, as before', async () => {
    for (const headers of [{}, { Accept: '*/*' }, { Accept: 'application/json' }]) {
      const response = await send('GET', '/', { headers })
      expect(response.status).toBe(200)
      expect(await response.text()).toBe('')
      expect(response.headers.get('Cache-Control')).toBe('no-cache')
      expect(response.headers.get('Content-Security-Policy')).toBeNull()
    }
  })

  it('tells caches that the answer depends on Accept', async () => {
    for (const response of [await browse('/'), await send('GET', '/')]) {
      expect(response.headers.get('Vary')).toBe('Accept')
    }
  })

  it('has the same headers for HEAD, and no body', async () => {
    const response = await browse('/', bindings, 'HEAD')
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe('text/html; charset=utf-8')
    expect(await response.text()).toBe('')
  })

  it('asks for a login only where there is one', async () => {
    expect(await pageOf('/')).not.toContain('docker login')
    expect(await pageOf('/', closed)).toContain('docker login registry.test<')
  })

  it('says how docker takes an address without TLS, unless it is on the same machine', async () => {
    expect(await pageOf('http://registry.test:5000/')).toContain('insecure-registries')
    for (const url of ['http://localhost:5000/', 'http://127.0.0.1:5000/', 'http://[::1]:5000/']) {
      expect(await pageOf(url)).not.toContain('insecure-registries')
    }
    expect(await pageOf('https://registry.test/')).not.toContain('insecure-registries')
  })
})

describe('the policy of the page', () => {
  it('allows the style of the page, and nothing else', async () => {
    const response = await browse('/')
    const policy = response.headers.get('Content-Security-Policy') ?? ''
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytesOf(STYLE)))
    expect(policy.split('; ').toSorted()).toEqual([
      "base-uri 'none'",
      "default-src 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "img-src 'self'",
      `style-src 'sha256-${hash.toBase64()}'`,
    ])
    expect(await response.text()).toContain(`<style>${STYLE}</style>`)
  })

  it('comes with the headers of a page that nobody may keep or frame', async () => {
    const { headers } = await browse('/')
    expect(headers.get('X-Content-Type-Options')).toBe('nosniff')
    expect(headers.get('Referrer-Policy')).toBe('no-referrer')
    expect(headers.get('Cache-Control')).toBe('private, no-cache')
  })
})

describe('the address on the page', () => {
  it('is that of PUBLIC_URL', async () => {
    const page = await pageOf('/', { ...bindings, PUBLIC_URL: 'https://r.example:8443' })
    expect(page).toContain('docker push r.example:8443/app:1.0')
    expect(page).not.toContain('registry.test')
  })

  it('is that of a proxy, if the operator trusts it', async () => {
    const headers = { 'X-Forwarded-Host': 'r.example', 'X-Forwarded-Proto': 'https' }
    const trusting = { ...bindings, TRUST_FORWARDED: 'true' }
    expect(await pageOf('/', trusting, headers)).toContain('docker push r.example/app:1.0')
    expect(await pageOf('/', bindings, headers)).toContain('docker push registry.test/app:1.0')
  })

  it('has the prefix of PUBLIC_URL, which docker cannot use', async () => {
    const environment = { ...bindings, PUBLIC_URL: 'https://r.example/team' }
    const page = await pageOf('/team/', environment)
    expect(page).not.toContain('docker push')
    expect(page).toContain('[host.&quot;https://r.example/team/v2&quot;]'.replaceAll('&quot;', '"'))
    expect(page).toContain('href="/team/docs"')
    expect(page).toContain('href="/team/docs/icon.svg"')
    expect(page).not.toContain('href="/docs')
  })

  it.each(['a"onload=b', "a'b", 'a&b', 'a$(id)', 'a;b', 'a`id`', 'a{b}', 'ex<script>'])(
    'is not shown if the host %s means something to HTML or a shell',
    async (host) => {
      const trusting = { ...bindings, TRUST_FORWARDED: 'true' }
      const headers = { 'X-Forwarded-Host': `${host}.example`, 'X-Forwarded-Proto': 'http' }
      const page = await pageOf('/', trusting, headers)
      expect(page).not.toContain(host)
      expect(page).toMatch(/docker push (REGISTRY|registry\.test)\/app:1\.0/)
    },
  )

  it('is escaped, also in the path of PUBLIC_URL', async () => {
    const environment = { ...bindings, PUBLIC_URL: `https://r.example/a'b&c"d<e` }
    const page = await pageOf(`/a'b&c%22d%3Ce/`, environment)
    expect(page).toContain('href="/a&#39;b&amp;c%22d%3Ce/docs"')
    expect(page).not.toContain(`a'b`)
    expect(page).not.toContain('c"d')
  })
})

describe('a registry within another Worker', () => {
  async function embedded(prefix: string, url: string): Promise<string> {
    const registry = createRegistry({ prefix, authenticate: async () => null })
    const request = new Request(url, { headers: { Accept: BROWSER } })
    const ctx = createExecutionContext()
    const response = await registry.fetch(request, bindings, ctx)
    await waitOnExecutionContext(ctx)
    return response.text()
  }

  it('has a page under its own prefix', async () => {
    const page = await embedded('/images', 'http://localhost/images/')
    expect(page).toContain('http://localhost/images/v2')
    expect(page).toContain('href="/images/docs"')
  })

  it('says that its own login replaces open access', async () => {
    expect(await embedded('', 'http://localhost/')).toContain('docker login localhost<')
  })
})

describe('an unknown path', () => {
  it('has a page for browsers, with status 404', async () => {
    for (const method of ['GET', 'HEAD']) {
      const response = await browse('/no/such/page', bindings, method)
      expect(response.status).toBe(404)
      expect(response.headers.get('Content-Type')).toBe('text/html; charset=utf-8')
      expect(response.headers.get('Content-Security-Policy')).toContain("default-src 'none'")
      expect(response.headers.get('Cache-Control')).toBe('private, no-cache')
    }
    expect(await pageOf('/no/such/page')).toContain('docker push registry.test/app:1.0')
  })

  it('does not show what was asked', async () => {
    expect(await pageOf('/secret-word<script>?secret-word')).not.toContain('secret-word')
  })

  it('is an error in JSON for everybody else', async () => {
    for (const headers of [{}, { Accept: '*/*' }]) {
      const response = await send('GET', '/no/such/page', { headers })
      expect(response.status).toBe(404)
      expect(await errorCodes(response)).toEqual(['UNSUPPORTED'])
    }
  })

  it('is an error in JSON for other methods', async () => {
    const response = await browse('/no/such/page', bindings, 'POST')
    expect(response.status).toBe(404)
    expect(await errorCodes(response)).toEqual(['UNSUPPORTED'])
  })
})

describe('the APIs', () => {
  it.each([
    '/v2/nothing',
    '/v2/a/tags/list',
    '/v2/a/blobs/uploads/',
    '/api/v1/nothing',
    '/api/v2/x',
    '/api',
  ])('answer a browser like everybody else: %s', async (path) => {
    const plain = await send('GET', path)
    const browser = await browse(path)
    expect(browser.status).toBe(plain.status)
    expect(browser.headers.get('Content-Type')).toBe(plain.headers.get('Content-Type'))
    expect(await browser.text()).toBe(await plain.text())
  })

  it('do so under a prefix', async () => {
    const environment = { ...bindings, PUBLIC_URL: 'http://registry.test/team' }
    for (const path of ['/team/v2/nothing', '/team/api/v1/nothing', '/v2/', '/api/v1/account']) {
      const response = await browse(path, environment)
      expect(response.status).toBe(404)
      expect(await errorCodes(response)).toEqual(['UNSUPPORTED'])
    }
  })
})

it('refuses foreign hosts of an open registry as before', async () => {
  const response = await browse('http://evil.example/')
  expect(response.status).toBe(403)
  expect(await errorCodes(response)).toEqual(['DENIED'])
})
