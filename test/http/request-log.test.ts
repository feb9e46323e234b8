/** The log: one JSON line a request, with what an operator asks for and nothing that opens a door. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { bindings, pushImage, send } from '../support/registry.ts'

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
  it('leaves one line', async () => {
    const { bytes } = await pushImage('log/app', 'latest')
    const headers = { 'CF-Connecting-IP': '203.0.113.7' }
    const lines = await linesOf(() =>
      send('GET', '/v2/log/app/manifests/latest?x=1', { headers }, environment),
    )
    expect(lines).toEqual([
      {
        message: 'request',
        requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        method: 'GET',
        path: '/v2/log/app/manifests/latest',
        repository: 'log/app',
        subject: '',
        address: '203.0.113.7',
        status: 200,
        bytes: bytes.length,
        ms: expect.any(Number),
      },
    ])
  })

  it('for headers alone sends no bytes', async () => {
    await pushImage('log/app', 'latest')
    const lines = await linesOf(() => send('HEAD', '/v2/log/app/manifests/latest', {}, environment))
    expect(lines).toMatchObject([{ method: 'HEAD', status: 200, bytes: 0 }])
  })

  it.each([
    ['/v2/log/app/manifests/none', 404],
    ['/nowhere', 404],
    ['/v2/Log/tags/list', 400],
  ])('that fails leaves one, too: %s', async (path, status) => {
    const lines = await linesOf(() => send('GET', path, {}, environment))
    expect(lines).toMatchObject([{ message: 'request', path, status }])
  })

  it('leaves none where LOG_REQUESTS is off', async () => {
    const quiet = { ...environment, LOG_REQUESTS: 'false' }
    expect(await linesOf(() => send('GET', '/v2/', {}, quiet))).toEqual([])
  })
})
