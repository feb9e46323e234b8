/** The request rate: what the binding says, where it is bound. */
import { describe, expect, it } from 'vitest'
import { bindings, errorCodes, send } from '../../support/registry.ts'

describe('the request rate', () => {
  it("is asked for with the client's address", async () => {
    const keys: string[] = []
    const RATE_LIMIT = {
      limit: async ({ key }: RateLimitOptions) => {
        keys.push(key)
        return { success: true }
      },
    }
    const headers = { 'CF-Connecting-IP': '203.0.113.7' }
    const response = await send('GET', '/v2/', { headers }, { ...bindings, RATE_LIMIT })
    expect(response.status).toBe(200)
    expect(keys).toEqual(['203.0.113.7'])
  })

  it.each([
    ['false', '203.0.113.7'],
    ['true', '198.51.100.2'],
  ])(
    'uses the address that a proxy adds only if proxies are trusted (%s)',
    async (trusted, address) => {
      const keys: string[] = []
      const RATE_LIMIT = {
        limit: async ({ key }: RateLimitOptions) => {
          keys.push(key)
          return { success: true }
        },
      }
      const headers = {
        'CF-Connecting-IP': '203.0.113.7',
        'X-Forwarded-For': '192.0.2.66, 198.51.100.2',
      }
      const environment = { ...bindings, RATE_LIMIT, TRUST_FORWARDED: trusted }
      await send('GET', '/v2/', { headers }, environment)
      expect(keys).toEqual([address])
    },
  )

  it('is 429 with Retry-After over the limit, before anything else is done', async () => {
    const RATE_LIMIT = { limit: async () => ({ success: false }) }
    for (const path of ['/v2/', '/v2/a/manifests/latest', '/token']) {
      const response = await send('GET', path, {}, { ...bindings, RATE_LIMIT })
      expect(response.status).toBe(429)
      expect(Number(response.headers.get('Retry-After'))).toBeGreaterThan(0)
      expect(await errorCodes(response)).toEqual(['TOOMANYREQUESTS'])
    }
  })
})
