/** Pages of other origins (Fetch standard, CORS): none without a setting, then exactly those that it lists. */
import { describe, expect, it } from 'vitest'
import { bindings, send } from '../support/registry.ts'

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

  it.each([LISTED, 'http://localhost:3000'])('may where it is listed: %s', async (origin) => {
    const { status, headers } = await preflight(origin, environment)
    expect(status).toBe(204)
    expect(headers.get('Access-Control-Allow-Origin')).toBe(origin)
    expect(headers.get('Access-Control-Allow-Headers')).toContain('Authorization')
    const answer = await send('GET', '/v2/', { headers: { Origin: origin } }, environment)
    expect(answer.headers.get('Access-Control-Allow-Origin')).toBe(origin)
    expect(answer.headers.get('Access-Control-Expose-Headers')).toContain('Docker-Content-Digest')
    // Cookies and stored passwords of the registry are never sent for it.
    expect(answer.headers.has('Access-Control-Allow-Credentials')).toBe(false)
  })

  it.each([
    'https://ui.example.com.evil.com',
    'http://ui.example.com',
    'https://UI.example.com',
    'https://ui.example.com:8443',
    'https://example.com',
    'null',
    '*',
  ])('may not where another is listed: %s', async (origin) => {
    for (const { headers } of [
      await preflight(origin, environment),
      await send('GET', '/v2/', { headers: { Origin: origin } }, environment),
    ]) {
      expect(headers.has('Access-Control-Allow-Origin')).toBe(false)
    }
  })

  it('reads errors, too, where it is listed', async () => {
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
