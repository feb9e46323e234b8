/**
 * I10: memory stays bounded whatever the size of the blob. Every large buffer that is made is counted: four for an upload of any
 * size, and for any number of uploads as many as the pool has. What the process takes is measured by test/bench/memory.ts.
 */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { digestOf } from '../../src/oci/digest.ts'
import { PART_BYTES } from '../../src/store/bytes/buffer-pool.ts'
import { beginUpload, randomBytes, send } from '../support/registry.ts'

/** Less than a part, more than anything that may be made anew for each request. */
const LARGE = 1024 * 1024

/** One fills while three are written. */
const BUFFERS_OF_ONE = 4
/** 60 MiB, with the views. */
const BUFFERS_AT_MOST = 11

const SOURCE = randomBytes(6 * PART_BYTES)
const realArray = Uint8Array
let made = 0

beforeAll(() => {
  globalThis.Uint8Array = new Proxy(realArray, {
    construct(target, args, newTarget) {
      if (typeof args[0] === 'number' && args[0] >= LARGE) made += 1
      return Reflect.construct(target, args, newTarget)
    },
  })
})
afterAll(() => {
  globalThis.Uint8Array = realArray
})

async function madeBy(work: () => Promise<unknown>): Promise<number> {
  const before = made
  await work()
  return made - before
}

async function push(bytes: Uint8Array<ArrayBuffer>, chunks: number): Promise<void> {
  const digest = await digestOf(bytes)
  let location = await beginUpload('i10/app')
  const size = Math.ceil(bytes.length / chunks)
  for (let start = 0; start < bytes.length; start += size) {
    const patched = await send('PATCH', location, { body: bytes.subarray(start, start + size) })
    expect(patched.status).toBe(202)
    location = patched.headers.get('Location') ?? ''
  }
  expect((await send('PUT', `${location}?digest=${digest}`)).status).toBe(201)
}

it('an upload creates at most four buffers, and the next uploads create none', async () => {
  expect(
    await madeBy(() => push(SOURCE.subarray(0, 2 * PART_BYTES + 1000), 1)),
  ).toBeLessThanOrEqual(BUFFERS_OF_ONE)
  expect(await madeBy(() => push(SOURCE, 1))).toBe(0)
  expect(await madeBy(() => push(SOURCE, 5))).toBe(0)
})

it('a small upload creates no buffer', async () => {
  expect(await madeBy(() => push(SOURCE.subarray(0, 60_000), 3))).toBe(0)
})

it('many uploads at once create no more than the pool has, and all succeed', async () => {
  const uploads = Array.from({ length: BUFFERS_AT_MOST + 6 }, (_, index) =>
    SOURCE.slice(index * 100_000, index * 100_000 + PART_BYTES + 200_000),
  )
  const all = () => Promise.all(uploads.map((bytes) => push(bytes, 1)))
  expect(await madeBy(all)).toBeLessThanOrEqual(BUFFERS_AT_MOST)
})
