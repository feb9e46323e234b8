/** The hosts that an open registry answers to: a page cannot reach it by a name of its own (DNS rebinding). */
import { describe, expect, it } from 'vitest'
import { ADMIN } from '../../support/access-clients.ts'
import { closed } from '../../support/access-world.ts'
import { bindings, errorCodes, send } from '../../support/registry.ts'

const open = { ...bindings, ALLOWED_HOSTS: 'registry.lan, 192.168.0.7' }

describe('an open registry', () => {
  it.each([
    'http://localhost',
    'http://localhost:5000',
    'http://127.0.0.1:5000',
    'http://[::1]:5000',
    'http://registry.lan:5000',
    'http://192.168.0.7:5000',
  ])('answers to %s', async (origin) => {
    expect((await send('GET', `${origin}/v2/`, {}, open)).status).toBe(200)
  })

  it.each([
    'http://evil.example:5000',
    'http://localhost.evil.example',
    'http://registry.lan.evil.example',
    'http://192.168.0.8:5000',
    'http://registry.test',
  ])('does not answer to %s on any route', async (origin) => {
    for (const [method, path] of [
      ['GET', '/v2/'],
      ['GET', '/v2/_catalog'],
      ['POST', '/v2/a/blobs/uploads/'],
      ['GET', '/token'],
      ['GET', '/metrics'],
      ['POST', '/api/v1/accounts'],
    ] as const) {
      const refused = await send(method, origin + path, { headers: { Origin: origin } }, open)
      expect(refused.status, path).toBe(403)
      expect(await errorCodes(refused)).toEqual(['DENIED'])
    }
  })

  it('answers to the host of PUBLIC_URL, at any port', async () => {
    const environment = { ...open, PUBLIC_URL: 'https://r.example' }
    expect((await send('GET', 'http://r.example:8080/v2/', {}, environment)).status).toBe(200)
    expect((await send('GET', 'http://s.example/v2/', {}, environment)).status).toBe(403)
  })

  it('does not trust a header that a page can set', async () => {
    const environment = { ...open, TRUST_FORWARDED: 'true' }
    const headers = { 'X-Forwarded-Host': 'localhost' }
    const answer = await send('GET', 'http://evil.example/v2/', { headers }, environment)
    expect(answer.status).toBe(403)
  })

  it('checks the header too, where the runtime takes the URL from elsewhere', async () => {
    const headers = { Host: 'evil.example:5000' }
    const answer = await send('GET', 'http://localhost:5000/v2/', { headers }, open)
    expect(answer.status).toBe(403)
    const own = { headers: { Host: 'localhost:5000' } }
    expect((await send('GET', 'http://localhost:5000/v2/', own, open)).status).toBe(200)
  })

  it('answers the probe of a load balancer that uses its address', async () => {
    for (const path of ['/healthz', '/readyz']) {
      expect((await send('GET', `http://10.0.0.7:8080${path}`, {}, open)).status).toBe(200)
    }
  })
})

describe('a registry that requires logins', () => {
  it('answers to any host', async () => {
    const answer = await ADMIN.at({ ...closed, ALLOWED_HOSTS: '' }).send(
      'GET',
      'http://r.example/v2/_catalog',
    )
    expect(answer.status).toBe(200)
  })
})
