import { afterEach, describe, expect, it, vi } from 'vitest'
import { BodyCutOff, readBody, withBody } from '../../src/lib/read-body.ts'

function streamOf(...lengths: number[]) {
  let value = 0
  const state = { cancelled: false, left: lengths.length }
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const length = lengths[value]
        if (length === undefined) return controller.close()
        value += 1
        state.left -= 1
        controller.enqueue(new Uint8Array(length).fill(value))
      },
      cancel() {
        state.cancelled = true
      },
    },
    { highWaterMark: 0 },
  )
  return { stream, state }
}

describe('a client that is silent', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('does not make the registry wait forever', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { readable, writable } = new IdentityTransformStream()
    const reading = readBody(readable, 10)
    void writable
      .getWriter()
      .write(new Uint8Array(3))
      .catch(() => undefined)
    await scheduler.wait(20)
    vi.advanceTimersByTime(6 * 60_000)
    await expect(reading).rejects.toThrow(BodyCutOff)
  })
})

describe('readBody', () => {
  it('joins the chunks', async () => {
    const bytes = await readBody(streamOf(2, 1, 3).stream, 6)
    expect(bytes).toEqual(new Uint8Array([1, 1, 2, 3, 3, 3]))
  })

  it.each([null, streamOf().stream])('reads nothing as no bytes', async (body) => {
    expect(await readBody(body, 10)).toEqual(new Uint8Array(0))
  })

  it('stops at the chunk that goes over the limit, and cancels the rest', async () => {
    const { stream, state } = streamOf(4, 3, 4, 4)
    expect(await readBody(stream, 6)).toBeNull()
    expect(state).toEqual({ cancelled: true, left: 2 })
  })

  it('reports a body that broke off', async () => {
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.error(new Error('broken'))
      },
    })
    await expect(readBody(stream, 10)).rejects.toThrow(BodyCutOff)
  })
})

describe('withBody', () => {
  /** What `use` got, or threw. */
  async function outcome(stream: ReadableStream<Uint8Array>, length: number, fail = false) {
    return withBody(stream, length, async (body) => {
      if (fail) throw new Error('the reader failed')
      return new Uint8Array(await new Response(body).arrayBuffer()).length
    })
  }

  function brokenAfter(length: number): ReadableStream<Uint8Array> {
    let sent = false
    return new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent) return controller.error(new Error('broken'))
        sent = true
        controller.enqueue(new Uint8Array(length))
      },
    })
  }

  it('hands the body on', async () => {
    expect(await outcome(streamOf(4, 3).stream, 7)).toBe(7)
  })

  it('distinguishes a body that broke off from a reader that failed', async () => {
    await expect(outcome(brokenAfter(3), 7)).rejects.toThrow(BodyCutOff)
    await expect(outcome(streamOf(4, 3).stream, 7, true)).rejects.toThrow('the reader failed')
  })
})
