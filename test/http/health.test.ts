/** Probes: whether the Worker lives, and whether R2 and D1 answer. */
import { describe, expect, it, vi } from 'vitest'
import type { Env } from '../../src/http/middleware/context.ts'
import { bindings, send } from '../support/registry.ts'

async function ready(environment: Env = bindings) {
  const response = await send('GET', '/readyz', {}, environment)
  expect(response.headers.get('Content-Type')).toMatch(/^application\/json/)
  expect(response.headers.get('Cache-Control')).toBe('no-cache')
  return { status: response.status, body: await response.json() }
}

/** The binding with one method replaced. */
function withMethod<T extends object>(binding: T, name: keyof T, method: () => unknown): T {
  return new Proxy(binding, {
    get: (target, key) => (key === name ? method : Reflect.get(target, key)),
  })
}

const r2 = (method: () => unknown) => withMethod(bindings.BUCKET, 'head', method)
const d1 = (method: () => unknown) => withMethod(bindings.DB, 'prepare', method)

async function rejects(): Promise<never> {
  throw new Error('R2 is away')
}

function throws(): never {
  throw new Error('D1 is away')
}

describe('/healthz', () => {
  it('calls neither R2 nor D1', async () => {
    const environment = { ...bindings, BUCKET: r2(throws), DB: d1(throws) }
    const response = await send('GET', '/healthz', {}, environment)
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ status: 'ok' })
  })
})

describe('/readyz', () => {
  it('is 200 and empty if both answer', async () => {
    expect(await ready()).toEqual({ status: 200, body: {} })
  })

  it.each<[string, Partial<Env>, Record<string, string>]>([
    ['R2', { BUCKET: r2(rejects) }, { r2: 'failed' }],
    ['D1', { DB: d1(throws) }, { d1: 'failed' }],
    ['both', { BUCKET: r2(rejects), DB: d1(throws) }, { r2: 'failed', d1: 'failed' }],
  ])('is 503 and names what fails: %s', async (_, broken, body) => {
    expect(await ready({ ...bindings, ...broken })).toEqual({ status: 503, body })
  })

  it('is 503 without the schema', async () => {
    const missing = d1(() => bindings.DB.prepare('SELECT 1 FROM no_such_table'))
    const { status, body } = await ready({ ...bindings, DB: missing })
    expect(status).toBe(503)
    expect(body).toEqual({ d1: 'failed' })
  })

  it('writes the reason only to the log', async () => {
    const log = vi.spyOn(console, 'error').mockReturnValue(undefined)
    const { body } = await ready({ ...bindings, BUCKET: r2(rejects) })
    expect(JSON.stringify(body)).not.toContain('away')
    expect(log.mock.calls.join()).toContain('R2 is away')
    log.mockRestore()
  })

  it('does not wait forever', async () => {
    const silent = r2(() => new Promise(() => undefined))
    expect(await ready({ ...bindings, BUCKET: silent })).toEqual({
      status: 503,
      body: { r2: 'failed' },
    })
  }, 10_000)
})
