import { describe, expect, it } from 'vitest'
import { readBody } from '../../src/lib/read-body.ts'

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

  it('goes on with the error of a body that breaks', async () => {
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.error(new Error('broken'))
      },
    })
    await expect(readBody(stream, 10)).rejects.toThrow('broken')
  })
})
