/**
 * I8: an upload never takes a byte twice or out of order; the committed length is the sum of what was accepted. Overlapping,
 * repeated and parallel PATCHes, over HTTP.
 */

import { evictDurableObject } from 'cloudflare:test'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { digestOf } from '../../src/oci/digest.ts'
import { PART_BYTES } from '../../src/store/bytes/buffer-pool.ts'
import { beginUpload, randomBytes, send } from '../support/registry.ts'
import { sessionOf } from '../support/uploads.ts'

const REPOSITORY = 'i8/app'
const SOURCE = randomBytes(PART_BYTES + 500_000)

interface Slice {
  start: number
  end: number
}

async function patch(location: string, { start, end }: Slice): Promise<Response> {
  return send('PATCH', location, {
    body: SOURCE.slice(start, end),
    headers: { 'Content-Range': `${start}-${end - 1}` },
  })
}

/** What a `Range` header says is committed; 0-0 is nothing or one byte, and the slices here are longer. */
function committed(response: Response): number {
  const last = Number(/^0-(\d+)$/.exec(response.headers.get('Range') ?? '')?.[1])
  return last === 0 ? 0 : last + 1
}

async function close(location: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const digest = await digestOf(bytes)
  expect((await send('PUT', `${location}?digest=${digest}`)).status).toBe(201)
  const pulled = await send('GET', `/v2/${REPOSITORY}/blobs/${digest}`)
  expect(await digestOf(new Uint8Array(await pulled.arrayBuffer()))).toBe(digest)
}

/** Slices that a confused client may send, at the true offset or beside it; those of a group go out at once. */
const step = fc.record({
  group: fc.array(
    fc.record({
      /** Bytes from the true offset. */
      shift: fc.constantFrom(0, 0, 0, 0, 2, -2, -5000, 5000),
      length: fc.oneof(
        { weight: 7, arbitrary: fc.integer({ min: 2, max: 100_000 }) },
        { weight: 1, arbitrary: fc.constant(PART_BYTES) },
      ),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  evict: fc.boolean(),
})

it('whatever a client sends, in whatever order, only chunks that continue the upload are stored', async () => {
  const property = fc.asyncProperty(
    fc.array(step, { minLength: 1, maxLength: 5 }),
    async (steps) => {
      const location = await beginUpload(REPOSITORY)
      let offset = 0
      for (const { group, evict: evicted } of steps) {
        const slices = group
          .map(({ shift, length }) => {
            const start = Math.max(offset + shift, 0)
            return { start, end: Math.min(start + length, SOURCE.length) }
          })
          .filter(({ start, end }) => end - start >= 2)
        const before = offset
        const answers = await Promise.all(slices.map((slice) => patch(location, slice)))
        // Each that was taken began where the one before it had ended.
        const taken = slices.filter((_, index) => answers[index]?.status === 202)
        for (const { start, end } of taken.toSorted((a, b) => a.start - b.start)) {
          expect(start).toBe(offset)
          offset = end
        }
        if (slices.some(({ start }) => start === before)) expect(taken.length).toBeGreaterThan(0)
        expect(answers.every(({ status }) => [202, 416, 503].includes(status))).toBe(true)
        if (evicted && offset > 0) await evictDurableObject(sessionOf(location))
        expect(committed(await send('GET', location))).toBe(offset)
      }
      await close(location, SOURCE.slice(0, offset))
    },
  )
  await fc.assert(property, { numRuns: 15 })
})

it('chunks without offsets are stored whole, one after another, in the order of their answers', async () => {
  for (let round = 0; round < 5; round++) {
    const location = await beginUpload(REPOSITORY)
    const chunks = Array.from({ length: 8 }, (_, index) => randomBytes(20_000 + index * 7919))
    const answers = await Promise.all(
      chunks.map(async (body) => ({ body, response: await send('PATCH', location, { body }) })),
    )
    const taken = answers
      .filter(({ response }) => response.status === 202)
      .toSorted((a, b) => committed(a.response) - committed(b.response))
    const bytes = new Uint8Array(taken.reduce((sum, { body }) => sum + body.length, 0))
    let offset = 0
    for (const { body, response } of taken) {
      bytes.set(body, offset)
      offset += body.length
      expect(committed(response)).toBe(offset)
    }
    expect(committed(await send('GET', location))).toBe(offset)
    await close(location, bytes)
  }
})

it('the same chunk sent again is refused with the exact range, however often', async () => {
  const location = await beginUpload(REPOSITORY)
  const slice = { start: 0, end: 1000 }
  expect((await patch(location, slice)).status).toBe(202)
  for (let again = 0; again < 3; again++) {
    const response = await patch(location, slice)
    expect([response.status, response.headers.get('Range')]).toEqual([416, '0-999'])
  }
  await close(location, SOURCE.slice(0, 1000))
})
