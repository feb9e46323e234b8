/** What may be asked, and what of an answer is taken. Against a real server: test/node/oidc.test.ts. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { fetchJson, sendRequest } from '../../src/lib/outgoing-request.ts'

afterEach(() => {
  vi.unstubAllGlobals()
})

describe('sendRequest', () => {
  const URL_CALLED = 'https://hooks.example.com/'
  const { signal } = new AbortController()

  it('sends what it is given, follows no redirect, and says who it is', async () => {
    const called = vi.fn<typeof fetch>(async () => new Response(null, { status: 302 }))
    vi.stubGlobal('fetch', called)
    const request = { method: 'POST', headers: { 'X-A': '1' }, body: 'x', signal }
    const answer = await sendRequest(URL_CALLED, request, { allowLoopback: false })
    expect(answer.status).toBe(302)
    const [url, init] = called.mock.calls[0] ?? []
    expect(url).toBe(URL_CALLED)
    expect(init).toMatchObject({ method: 'POST', body: 'x', redirect: 'manual', signal })
    expect([...new Headers(init?.headers)]).toEqual([
      ['user-agent', 'Berth'],
      ['x-a', '1'],
    ])
  })

  it('keeps a given User-Agent', async () => {
    const called = vi.fn<typeof fetch>(async () => new Response())
    vi.stubGlobal('fetch', called)
    const headers = { 'User-Agent': 'other/1' }
    await sendRequest(URL_CALLED, { headers, signal }, { allowLoopback: false })
    const [, init] = called.mock.calls[0] ?? []
    expect(new Headers(init?.headers).get('user-agent')).toBe('other/1')
  })

  it('calls no URL that the policy or the list of hosts refuses', async () => {
    const called = vi.fn<typeof fetch>()
    vi.stubGlobal('fetch', called)
    const request = { headers: {}, signal }
    const send = (url: string, hosts: string[]) =>
      sendRequest(url, request, { allowLoopback: false, hosts })
    await expect(send('https://hooks.internal/', [])).rejects.toThrow(/private network/)
    await expect(send(URL_CALLED, ['example.org'])).rejects.toThrow(/not in the list/)
    expect(called).not.toHaveBeenCalled()
  })
})

describe('fetchJson', () => {
  const URL_ASKED = 'https://issuer.example.com/keys'
  const ask = (response: () => Response | Promise<Response>) => {
    const asked = vi.fn<typeof fetch>(async () => response())
    vi.stubGlobal('fetch', asked)
    return { answer: fetchJson(URL_ASKED, { allowLoopback: false }), asked }
  }

  it('returns the document, whatever its Content-Type', async () => {
    const headers = { 'Content-Type': 'text/plain' }
    const { answer, asked } = ask(() => new Response('{"keys":[]}', { headers }))
    expect(await answer).toEqual({ keys: [] })
    const [url, init] = asked.mock.calls[0] ?? []
    expect(url).toBe(URL_ASKED)
    expect(init).toMatchObject({ redirect: 'manual' })
    expect(new Headers(init?.headers).has('Authorization')).toBe(false)
  })

  it('sends nothing to a URL that is not allowed', async () => {
    const asked = vi.fn<typeof fetch>()
    vi.stubGlobal('fetch', asked)
    await expect(fetchJson('http://issuer.test/', { allowLoopback: true })).rejects.toThrow(/https/)
    await expect(fetchJson('http://127.0.0.1/', { allowLoopback: false })).rejects.toThrow(/https/)
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
  ])('refuses text that is not strict JSON: %j', async (body) => {
    await expect(ask(() => new Response(body)).answer).rejects.toThrow(/invalid JSON/)
  })

  it('accepts 64 KiB and not a byte more', async () => {
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
        sent += 16 * 1024
        controller.enqueue(new Uint8Array(16 * 1024).fill(0x20))
      },
    })
    const { answer } = ask(() => new Response(endless))
    await expect(answer).rejects.toThrow(/more than 65536 bytes/)
    expect(sent).toBeLessThan(128 * 1024)
  })

  it('names the URL if the connection fails', async () => {
    const { answer } = ask(() => Promise.reject(new Error('connection refused')))
    await expect(answer).rejects.toThrow(`${URL_ASKED}: connection refused`)
  })
})
