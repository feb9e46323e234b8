/** One attempt: what is sent, and what is made of the answer. Real sockets: test/node/events.test.ts. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { deliver } from '../../../src/events/delivery/deliver.ts'
import { deliveryBody, FORMATS } from '../../../src/events/model/envelope.ts'
import { type Endpoint, endpointOf } from '../../../src/events/webhooks/endpoint.ts'
import { generateSecret } from '../../../src/events/webhooks/signature.ts'
import { deliveryProblem } from '../../support/standard-webhooks.ts'
import { anEvent } from '../support.ts'

const ANYWHERE = { allowLoopback: false, hosts: [] }

afterEach(() => {
  vi.unstubAllGlobals()
})

function endpoint(extra: Partial<Endpoint> = {}): Endpoint {
  return { ...endpointOf({ name: 'one', url: 'https://one.example/hook' }), ...extra }
}

interface Sent {
  url: string
  init: RequestInit
  headers: Headers
  body: string
}

/** What one attempt sends, and what it is. */
async function attemptAt(to: Endpoint, answer: () => Response | Promise<Response>) {
  const sent: Sent[] = []
  const event = anEvent({ references: [] })
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    sent.push({ url, init, headers: new Headers(init.headers), body: String(init.body) })
    return answer()
  })
  const attempt = await deliver(to, event, ANYWHERE)
  return { event, sent, attempt }
}

const ok = () => new Response(null, { status: 204 })

describe('the request', () => {
  it.each([...FORMATS])(
    'is the body of the format %s, with its type, and is signed',
    async (format) => {
      const secrets = [generateSecret(), generateSecret()]
      const to = endpoint({ format, secrets })
      const { event, sent, attempt } = await attemptAt(to, ok)
      expect(attempt).toEqual({ status: 204, ms: expect.any(Number), error: null, excerpt: null })
      expect(sent).toHaveLength(1)
      const [{ url, init, headers, body } = sent[0] ?? expect.fail()] = sent
      expect(url).toBe('https://one.example/hook')
      expect(init).toMatchObject({ method: 'POST', redirect: 'manual' })
      expect(body).toBe(deliveryBody(format, event, { references: false }))
      expect(headers.get('content-type')).toBe(
        {
          v1: 'application/vnd.docker.distribution.events.v1+json',
          v2: 'application/vnd.docker.distribution.events.v2+json',
          cloudevents: 'application/cloudevents+json',
        }[format],
      )
      expect(headers.get('webhook-id')).toBe(event.id)
      expect(headers.get('user-agent')).toBe('Berth')
      for (const secret of secrets) {
        expect(deliveryProblem(secret, headers, body, Date.now() / 1000)).toBe(null)
      }
    },
  )

  it('has the headers of the endpoint, repeated ones too, and no signature without a secret', async () => {
    const headers: [string, string][] = [
      ['Authorization', 'Bearer x'],
      ['X-Many', 'a'],
      ['X-Many', 'b'],
      ['User-Agent', 'other/1'],
    ]
    const { sent } = await attemptAt(endpoint({ headers }), ok)
    const got = sent[0]?.headers
    expect(got?.get('authorization')).toBe('Bearer x')
    expect(got?.get('x-many')).toBe('a, b')
    expect(got?.get('user-agent')).toBe('other/1')
    expect(got?.has('webhook-signature')).toBe(false)
  })

  it.each(['https://10.0.0.1/', 'http://one.example/', 'https://localhost/'])(
    'is not made to %s',
    async (url) => {
      const { sent, attempt } = await attemptAt(endpoint({ url }), ok)
      expect(sent).toEqual([])
      expect(attempt).toMatchObject({ status: null, excerpt: null, error: expect.any(String) })
    },
  )
})

describe('the answer', () => {
  it.each([200, 201, 202, 204, 299])('%i is a success', async (status) => {
    const { attempt } = await attemptAt(endpoint(), () => new Response(null, { status }))
    expect(attempt).toMatchObject({ status, error: null })
  })

  it.each([300, 301, 302, 303, 304, 307, 308, 400, 401, 404, 410, 429, 500, 503])(
    '%i is a failure',
    async (status) => {
      const { attempt } = await attemptAt(endpoint(), () => new Response(null, { status }))
      expect(attempt.status).toBe(status)
      expect(attempt.error).toContain(`the answer is ${status}`)
    },
  )

  it('is kept as text of up to 1 KiB, without control characters or half characters', async () => {
    const excerptOf = async (body: BodyInit) =>
      (await attemptAt(endpoint(), () => new Response(body))).attempt.excerpt
    expect(await excerptOf('a\tb\nc\u0000\u001b[31m\u007f\u0085\u202e\u200b\ufeffd')).toBe(
      'a\tb\nc[31md',
    )
    expect(await excerptOf('ü'.repeat(600))).toBe('ü'.repeat(512))
    expect(await excerptOf(`x${'ü'.repeat(600)}`)).toBe(`x${'ü'.repeat(511)}`)
    const noText = await excerptOf(new Uint8Array(2000).fill(0xff))
    expect(noText).toBe('\ufffd'.repeat(341))
    expect(await excerptOf('')).toBe('')
  })

  it('is read up to 64 KiB, however long it is', async () => {
    let given = 0
    let isLeft = false
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        given += 1024
        controller.enqueue(new Uint8Array(1024).fill(0x61))
      },
      cancel() {
        isLeft = true
      },
    })
    const { attempt } = await attemptAt(endpoint(), () => new Response(endless))
    expect(attempt).toMatchObject({ error: null, excerpt: 'a'.repeat(1024) })
    expect(isLeft).toBe(true)
    expect(given).toBeGreaterThanOrEqual(64 * 1024)
    expect(given).toBeLessThanOrEqual(66 * 1024)
  })

  it('that breaks off is a failure, even with 200', async () => {
    const broken = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.error(new Error('connection lost'))
      },
    })
    const { attempt } = await attemptAt(endpoint(), () => new Response(broken))
    expect(attempt).toMatchObject({ status: 200, error: 'connection lost' })
  })

  it('that does not come is a failure with a shortened error', async () => {
    const { attempt } = await attemptAt(endpoint(), () =>
      Promise.reject(new TypeError(`refused\u0007${'x'.repeat(1000)}`)),
    )
    expect(attempt.status).toBe(null)
    expect(attempt.error).toBe(`refused${'x'.repeat(249)}`)
  })

  it('that takes too long is a failure that says so', async () => {
    const event = anEvent()
    const to = endpoint({ timeoutMs: 30 })
    vi.stubGlobal('fetch', (_: string, { signal }: RequestInit) => {
      return new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason))
      })
    })
    const attempt = await deliver(to, event, ANYWHERE)
    expect(attempt).toMatchObject({ status: null, error: 'no answer within 30 ms' })
    expect(attempt.ms).toBeGreaterThanOrEqual(29)
  })
})
