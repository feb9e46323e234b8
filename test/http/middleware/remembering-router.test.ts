/** Fixed paths are looked up once; paths with ids in them are not kept, however many there are. */
import { describe, expect, it } from 'vitest'
import { RememberingRouter } from '../../../src/http/middleware/remembering-router.ts'

function newRouter() {
  const router = new RememberingRouter<string>()
  router.add('GET', '/blobs', 'blobs')
  router.add('PUT', '/manifests', 'put')
  router.add('GET', '/api/v1/tokens/:id', 'token')
  return router
}

describe('the router', () => {
  it('looks a fixed path up once for each method', () => {
    const router = newRouter()
    expect(router.match('GET', '/blobs')[0].map(([handler]) => handler)).toEqual(['blobs'])
    expect(router.match('GET', '/blobs')).toBe(router.match('GET', '/blobs'))
    expect(router.match('PUT', '/manifests')[0].map(([handler]) => handler)).toEqual(['put'])
    expect(router.match('GET', '/manifests')[0]).toEqual([])
  })

  it('caches no path of the administration API, and passes its parameters', () => {
    const router = newRouter()
    const path = '/api/v1/tokens/one'
    expect(router.match('GET', path)).not.toBe(router.match('GET', path))
    const ids = ['one', 'two'].map((id) => router.match('GET', `/api/v1/tokens/${id}`)[0][0]?.[1])
    expect(ids.map((params) => ({ ...params }))).toEqual([{ id: 'one' }, { id: 'two' }])
  })
})
