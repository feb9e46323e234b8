/** Pages of other origins, where an answer takes a right: what they may read does not depend on it, nor tell of it. */
import { describe, expect, it } from 'vitest'
import { ADMIN, NOBODY, newClient } from '../support/access-clients.ts'
import { closed } from '../support/access-world.ts'
import { send } from '../support/registry.ts'

describe('pages of other origins', () => {
  const LISTED = 'https://ui.example.com'
  const PATHS = [
    '/v2/',
    '/v2/_catalog',
    '/v2/exact/app/manifests/latest',
    '/token',
    '/api/v1/account',
    '/nowhere',
  ]

  it.each(PATHS)('may read nothing by default, with or without a right: %s', async (path) => {
    const client = await newClient({ 'exact/app': ['pull'] })
    for (const Origin of [LISTED, 'null', 'http://registry.test']) {
      for (const one of [NOBODY, client, ADMIN]) {
        for (const method of ['GET', 'OPTIONS']) {
          const { headers } = await one.send(method, path, {
            Origin,
            'Access-Control-Request-Method': 'GET',
          })
          const allowed = [...headers].filter(([name]) => name.startsWith('access-control-'))
          expect(allowed).toEqual([])
        }
      }
    }
  })

  it.each(PATHS)('may read answers only if their own origin is listed: %s', async (path) => {
    const environment = { ...closed, CORS_ORIGINS: LISTED }
    for (const one of [NOBODY.at(environment), ADMIN.at(environment)]) {
      const answer = await one.send('GET', path, { Origin: LISTED })
      expect(answer.headers.get('Access-Control-Allow-Origin')).toBe(LISTED)
      expect(answer.headers.get('Vary')).toContain('Origin')
      expect(answer.headers.get('Access-Control-Allow-Credentials')).toBe('true')
      for (const Origin of [
        `${LISTED}.evil.com`,
        'http://ui.example.com',
        `${LISTED}/`,
        '*',
        'null',
      ]) {
        const refused = await one.send('GET', path, { Origin })
        expect(refused.headers.has('Access-Control-Allow-Origin')).toBe(false)
        expect(refused.headers.has('Access-Control-Allow-Credentials')).toBe(false)
      }
    }
  })

  it('learn nothing from a preflight: it gets the same answer whether the resource exists or not', async () => {
    const environment = { ...closed, CORS_ORIGINS: LISTED }
    const answers = await Promise.all(
      ['none/app', 'none/cap'].map(async (name) => {
        const headers = { Origin: LISTED, 'Access-Control-Request-Method': 'DELETE' }
        const path = `/v2/${name}/manifests/latest`
        const response = await send('OPTIONS', path, { headers }, environment)
        return [response.status, ...[...response.headers].filter(([key]) => key !== 'x-request-id')]
      }),
    )
    expect(answers[0]).toEqual(answers[1])
  })
})
