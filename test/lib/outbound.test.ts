/** What may be asked, and what of an answer is taken. Against a real server: test/node/oidc.test.ts. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { fetchJson, outboundProblem } from '../../src/lib/outbound.ts'

afterEach(() => {
  vi.unstubAllGlobals()
})

describe('outboundProblem', () => {
  it.each([
    'https://issuer.example.com',
    'https://issuer.example.com:8443/path?query',
    'https://token.actions.githubusercontent.com/.well-known/openid-configuration',
    'https://127.0.0.1.example.com',
    'https://localhost.example.com',
  ])('lets %s be asked', (url) => {
    expect(outboundProblem(url, false)).toBeNull()
    expect(outboundProblem(url, true)).toBeNull()
  })

  it.each([
    ['', /not a URL/],
    ['issuer.example.com', /not a URL/],
    ['//issuer.example.com', /not a URL/],
    ['http://issuer.example.com', /not https/],
    ['ftp://issuer.example.com', /not https/],
    ['file:///etc/passwd', /not https/],
    ['data:application/json,{}', /not https/],
    ['blob:https://issuer.example.com/x', /not https/],
    ['https://user@issuer.example.com', /credentials/],
    ['https://:secret@issuer.example.com', /credentials/],
    ['http://user:secret@localhost', /credentials/],
    ['https://10.0.0.1', /address/],
    ['https://169.254.169.254/latest', /address/],
    ['https://2852039166/latest', /address/],
    ['https://[fe80::1]', /address/],
    ['https://[::ffff:127.0.0.1]', /address/],
    ['https://0', /address/],
  ])('lets %j not be asked', (url, problem) => {
    expect(outboundProblem(url, false)).toMatch(problem)
    expect(outboundProblem(url, true)).toMatch(problem)
  })

  it.each([
    'http://127.0.0.1:8080',
    'http://127.9.9.9',
    'http://2130706433',
    'http://0x7f.1',
    'http://127.1',
    'http://localhost:1',
    'http://LOCALHOST',
    'http://localhost.',
    'http://issuer.localhost',
    'http://[::1]:8080',
    'https://localhost',
    'https://127.0.0.1',
  ])('lets %s be asked only where this machine may', (url) => {
    expect(outboundProblem(url, false)).toMatch(/this machine/)
    expect(outboundProblem(url, true)).toBeNull()
  })

  it('knows only http and https on this machine', () => {
    expect(outboundProblem('ftp://localhost', true)).toMatch(/neither/)
  })
})

describe('fetchJson', () => {
  const URL_ASKED = 'https://issuer.example.com/keys'
  const ask = (response: () => Response | Promise<Response>, options = {}) => {
    const asked = vi.fn<typeof fetch>(async () => response())
    vi.stubGlobal('fetch', asked)
    return { answer: fetchJson(URL_ASKED, { allowLoopback: false, ...options }), asked }
  }

  it('returns the document, whatever type it is said to be', async () => {
    const headers = { 'Content-Type': 'text/plain' }
    const { answer, asked } = ask(() => new Response('{"keys":[]}', { headers }))
    expect(await answer).toEqual({ keys: [] })
    const [url, init] = asked.mock.calls[0] ?? []
    expect(url).toBe(URL_ASKED)
    expect(init).toMatchObject({ redirect: 'manual' })
    expect(new Headers(init?.headers).has('Authorization')).toBe(false)
  })

  it('asks nothing where it may not', async () => {
    const asked = vi.fn<typeof fetch>()
    vi.stubGlobal('fetch', asked)
    await expect(fetchJson('http://issuer.test/', { allowLoopback: true })).rejects.toThrow(/https/)
    await expect(fetchJson('http://127.0.0.1/', { allowLoopback: false })).rejects.toThrow(
      /machine/,
    )
    expect(asked).not.toHaveBeenCalled()
  })

  it.each([204, 301, 302, 307, 308, 401, 404, 500])('refuses the status %d', async (status) => {
    const body = status === 204 ? null : '{}'
    const headers = { Location: 'https://elsewhere.example.com/' }
    const { answer, asked } = ask(() => new Response(body, { status, headers }))
    await expect(answer).rejects.toThrow(`${URL_ASKED}: answered ${status}`)
    expect(asked).toHaveBeenCalledOnce()
  })

  it.each([
    '',
    '<html></html>',
    '{"keys":[]',
    '{"keys":[]}x',
    '{"keys":[],"keys":[]}',
    '\u{feff}{}',
    '['.repeat(40),
  ])('refuses what is no strict JSON: %j', async (body) => {
    await expect(ask(() => new Response(body)).answer).rejects.toThrow(/invalid JSON/)
  })

  it('takes 64 KiB and not a byte more', async () => {
    const document = (length: number) => `"${'x'.repeat(length - 2)}"`
    const limit = 64 * 1024
    expect(await ask(() => new Response(document(limit))).answer).toHaveLength(limit - 2)
    const beyond = ask(() => new Response(document(limit + 1))).answer
    await expect(beyond).rejects.toThrow(/more than 65536 bytes/)
  })

  it('stops reading at the limit', async () => {
    let sent = 0
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 1024
        controller.enqueue(new Uint8Array(1024).fill(0x20))
      },
    })
    const { answer } = ask(() => new Response(endless), { maxBytes: 4096 })
    await expect(answer).rejects.toThrow(/more than 4096 bytes/)
    expect(sent).toBeLessThan(64 * 1024)
  })

  it('names the URL where the connection fails', async () => {
    const { answer } = ask(() => Promise.reject(new Error('connection refused')))
    await expect(answer).rejects.toThrow(`${URL_ASKED}: connection refused`)
  })
})
