import { afterEach, describe, expect, it, vi } from 'vitest'
import { DRAIN_AT_MOST_BYTES, drain } from '../../src/lib/drain.ts'

afterEach(() => {
  vi.useRealTimers()
})

function sent() {
  const { readable, writable } = new IdentityTransformStream()
  return { body: readable, client: writable.getWriter() }
}

describe('a body that no handler reads', () => {
  it('is read to its end', async () => {
    const { body, client } = sent()
    const drained = drain(body).then(() => 'drained')
    await client.write(new Uint8Array(1_000_000))
    expect(await Promise.race([drained, scheduler.wait(20)])).toBeUndefined()
    await client.close()
    expect(await drained).toBe('drained')
  })

  it('is cancelled when it is too long', async () => {
    const { body, client } = sent()
    const drained = drain(body)
    await expect(client.write(new Uint8Array(DRAIN_AT_MOST_BYTES + 2 ** 20))).rejects.toThrow()
    await drained
  })

  it('is cancelled when it does not end', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { body, client } = sent()
    const drained = drain(body)
    await client.write(new Uint8Array(1))
    vi.advanceTimersByTime(10_000)
    await drained
    await expect(client.write(new Uint8Array(1))).rejects.toThrow()
  })

  it('may break off', async () => {
    const { body, client } = sent()
    const drained = drain(body).then(() => 'drained')
    await client.write(new Uint8Array(1))
    await client.abort(new Error('gone'))
    expect(await drained).toBe('drained')
  })
})
