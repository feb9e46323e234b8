/** Two readers in step. */
import { describe, expect, it } from 'vitest'
import { duplicate } from '../../src/lib/duplicate.ts'
import { randomBytes } from '../support/registry.ts'

const LENGTH = 700_000

/** A byte stream of `bytes` that counts what was pulled from it. */
function sourceOf(bytes: Uint8Array<ArrayBuffer>, failAt = Number.POSITIVE_INFINITY) {
  const pulled = { bytes: 0 }
  const stream = new ReadableStream({
    type: 'bytes',
    pull(controller) {
      if (pulled.bytes >= failAt) return controller.error(new Error('source failed'))
      const chunk = bytes.slice(pulled.bytes, pulled.bytes + 50_000)
      pulled.bytes += chunk.length
      if (chunk.length > 0) return controller.enqueue(chunk)
      controller.close()
      controller.byobRequest?.respond(0)
    },
  })
  return { stream, pulled }
}

async function bytesOf(stream: ReadableStream): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

describe('duplicate', () => {
  it('gives both readers the same bytes', async () => {
    const bytes = randomBytes(LENGTH)
    const { leader, follower, done } = duplicate(sourceOf(bytes).stream, LENGTH)
    const [a, b] = await Promise.all([bytesOf(leader), bytesOf(follower)])
    await done
    expect(a).toEqual(bytes)
    expect(b).toEqual(bytes)
  })

  it('reads no further than the slower reader', async () => {
    const { stream, pulled } = sourceOf(randomBytes(LENGTH))
    const { leader, follower } = duplicate(stream, LENGTH)
    const whole = bytesOf(leader)
    await scheduler.wait(50)
    expect(pulled.bytes).toBeLessThan(LENGTH)
    await Promise.all([whole, bytesOf(follower)])
    expect(pulled.bytes).toBe(LENGTH)
  })

  it('goes on for one reader when the other leaves', async () => {
    const bytes = randomBytes(LENGTH)
    const { leader, follower, done } = duplicate(sourceOf(bytes).stream, LENGTH)
    await leader.cancel()
    expect(await bytesOf(follower)).toEqual(bytes)
    await done
  })

  it('stops when both have left', async () => {
    const { stream, pulled } = sourceOf(randomBytes(LENGTH))
    const { leader, follower, done } = duplicate(stream, LENGTH)
    await Promise.all([leader.cancel(), follower.cancel()])
    await done
    expect(pulled.bytes).toBeLessThan(LENGTH)
  })

  it('leaves a follower behind that does not read', async () => {
    const bytes = randomBytes(LENGTH)
    const { leader, follower, done } = duplicate(sourceOf(bytes).stream, LENGTH)
    expect(await bytesOf(leader)).toEqual(bytes)
    await done
    await expect(bytesOf(follower)).rejects.toThrow()
  })

  it('fails both when the source fails', async () => {
    const { leader, follower, done } = duplicate(
      sourceOf(randomBytes(LENGTH), 100_000).stream,
      LENGTH,
    )
    const results = await Promise.allSettled([bytesOf(leader), bytesOf(follower)])
    await done
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })
})
