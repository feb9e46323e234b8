import { describe, expect, it } from 'vitest'
import {
  generateSecret,
  isSecret,
  rotateSecret,
  sign,
  validSecrets,
  webhookHeaders,
} from '../../../src/events/webhooks/signature.ts'
import { deliveryProblem } from '../../support/standard-webhooks.ts'

// The vector that the libraries of github.com/standard-webhooks/standard-webhooks share (TestWebhookSign of the Go one).
const VECTOR = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: 1614265330,
  body: '{"test": 2432232314}',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
}

const NOW = 1_795_000_000_999
const SECONDS = 1_795_000_000

function secretOf(bytes: number): string {
  return `whsec_${new Uint8Array(bytes).fill(7).toBase64()}`
}

async function headersOf(secrets: readonly string[], body = '{}'): Promise<Headers> {
  return new Headers(await webhookHeaders(secrets, 'e1', NOW, body))
}

describe('sign', () => {
  it('makes the signature of the reference vector', async () => {
    const { secret, id, timestamp, body, signature } = VECTOR
    expect(await sign([secret], id, timestamp, body)).toBe(signature)
  })

  it('makes one signature for each secret, in their order', async () => {
    const { secret, id, timestamp, body, signature } = VECTOR
    const both = await sign([secretOf(24), secret], id, timestamp, body)
    const [first, second, ...more] = both.split(' ')
    expect(first).toMatch(/^v1,[A-Za-z0-9+/]{43}=$/)
    expect(first).not.toBe(signature)
    expect(second).toBe(signature)
    expect(more).toEqual([])
  })

  it('signs the UTF-8 of a body', async () => {
    const secret = generateSecret()
    const body = '{"actor":"名 🐳"}'
    expect(deliveryProblem(secret, await headersOf([secret], body), body, SECONDS)).toBeNull()
  })

  it('refuses an invalid secret', async () => {
    await expect(sign(['password'], 'e1', 1, '')).rejects.toThrow('not a webhook secret')
  })
})

describe('webhookHeaders', () => {
  it('are those of Standard Webhooks, with the second that the attempt is in', async () => {
    const headers = await headersOf([VECTOR.secret])
    expect([...headers.keys()]).toEqual(['webhook-id', 'webhook-signature', 'webhook-timestamp'])
    expect(headers.get('webhook-id')).toBe('e1')
    expect(headers.get('webhook-timestamp')).toBe(String(SECONDS))
  })

  it('have no signature without a secret', async () => {
    expect([...(await headersOf([])).keys()]).toEqual(['webhook-id', 'webhook-timestamp'])
  })

  it.each<[string, (headers: Headers) => void, string, number]>([
    ['another id', (headers) => headers.set('webhook-id', 'e2'), '{}', SECONDS],
    [
      'another time',
      (headers) => headers.set('webhook-timestamp', `${SECONDS + 1}`),
      '{}',
      SECONDS,
    ],
    ['another body', () => undefined, '{ }', SECONDS],
    ['a replay', () => undefined, '{}', SECONDS + 301],
  ])('prove nothing with %s', async (_, change, body, now) => {
    const secret = generateSecret()
    const headers = await headersOf([secret])
    expect(deliveryProblem(secret, headers, '{}', SECONDS)).toBeNull()
    change(headers)
    expect(deliveryProblem(secret, headers, body, now)).not.toBeNull()
  })
})

describe('secrets', () => {
  it('are random, of 32 bytes', () => {
    const secrets = Array.from({ length: 50 }, generateSecret)
    expect(new Set(secrets).size).toBe(50)
    for (const secret of secrets) {
      expect(isSecret(secret)).toBe(true)
      expect(Uint8Array.fromBase64(secret.replace('whsec_', ''))).toHaveLength(32)
    }
  })

  it.each<[string, boolean]>([
    [VECTOR.secret, true],
    [secretOf(24), true],
    [secretOf(64), true],
    [secretOf(23), false],
    [secretOf(65), false],
    ['', false],
    ['whsec_', false],
    [VECTOR.secret.replace('whsec_', ''), false],
    [VECTOR.secret.toUpperCase(), false],
    [`${secretOf(25)}=`, false],
    [secretOf(25).replace('==', '='), false],
    [secretOf(25).replace('==', ''), false],
    // Bits that no byte needs: a second spelling of the same secret.
    [secretOf(25).replace(/.==$/, 'x=='), false],
    [`whsec_${'-_'.repeat(16)}`, false],
    [`${VECTOR.secret}!`, false],
  ])('%s: %s', (text, expected) => {
    expect(isSecret(text)).toBe(expected)
  })

  it('both sign while one replaces the other, then only the new one', async () => {
    const [first, second] = [generateSecret(), generateSecret()]
    const secrets = rotateSecret({ current: first, previous: null }, second, NOW, 1000)
    expect(validSecrets(secrets, NOW + 999)).toEqual([second, first])
    expect(validSecrets(secrets, NOW + 1000)).toEqual([second])

    const during = await headersOf(validSecrets(secrets, NOW))
    expect(deliveryProblem(first, during, '{}', SECONDS)).toBeNull()
    expect(deliveryProblem(second, during, '{}', SECONDS)).toBeNull()
    const after = await headersOf(validSecrets(secrets, NOW + 1000))
    expect(deliveryProblem(first, after, '{}', SECONDS)).toBe('no signature fits')
  })

  it('are at most two, and the previous one stays valid for a day', () => {
    const rotated = rotateSecret({ current: 'a', previous: null }, 'b', NOW)
    const secrets = rotateSecret(rotated, 'c', NOW)
    expect(validSecrets(secrets, NOW + 24 * 3600_000 - 1)).toEqual(['c', 'b'])
    expect(validSecrets(secrets, NOW + 24 * 3600_000)).toEqual(['c'])
  })
})
