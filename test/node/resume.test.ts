/** A client that is cut off at any byte of a PATCH goes on at the offset that the registry reports, and the digest is right. */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type LocalRegistry, startLocal } from '../../src/cli/local.ts'
import {
  beginUpload,
  chunkedWire,
  newBytes,
  pulledDigest,
  sendAndLeave,
  stateFolder,
} from './support.ts'

const REPOSITORY = 'resume/app'
/** Sizes at which src/uploads/ does something else: its reads, its buffers, its parts. */
const READ_BYTES = 512 * 1024
const PART_BYTES = 5 * 1024 * 1024
const SMALL_BUFFER_BYTES = 64 * 1024

const folder = stateFolder()
let registry: LocalRegistry

beforeAll(async () => {
  registry = await startLocal({ state: folder.path })
})
afterAll(async () => {
  await registry.stop()
  await folder.remove()
})

interface Case {
  size: number
  /** Where the connection breaks, as a share of what is sent, or as a distance from its beginning or end. */
  cut: { share: number } | { byte: number }
  encoding: 'length' | 'chunked'
  chunks: number[]
  how: 'close' | 'reset'
}

const around = (size: number) => fc.integer({ min: -2, max: 2 }).map((delta) => size + delta)

const cases = (size: fc.Arbitrary<number>): fc.Arbitrary<Case> =>
  fc.record({
    size,
    cut: fc.oneof(
      fc.record({ share: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({ byte: fc.constantFrom(0, 1, 2, -1, -2, -5, SMALL_BUFFER_BYTES, READ_BYTES) }),
      fc.record({ byte: fc.oneof(around(PART_BYTES), around(READ_BYTES)) }),
    ),
    encoding: fc.constantFrom('length', 'chunked'),
    chunks: fc.array(fc.constantFrom(1, 7, 1000, 32_768, 1_000_000), {
      minLength: 1,
      maxLength: 3,
    }),
    how: fc.constantFrom('close', 'reset'),
  })

async function resume({ size, cut, encoding, chunks, how }: Case): Promise<void> {
  const { bytes, digest } = newBytes(size)
  // One byte at a time is for small bodies.
  const sizes = size > 100_000 ? chunks.map((chunk) => Math.max(chunk, 1000)) : chunks
  const chunked = chunkedWire(bytes, sizes)
  const wire = encoding === 'length' ? bytes : chunked.wire
  const wanted = 'share' in cut ? cut.share * wire.length : cut.byte
  const at = Math.trunc(
    Math.min(Math.max(wanted < 0 ? wire.length + wanted : wanted, 0), wire.length),
  )
  const sent = encoding === 'length' ? at : chunked.bodyBefore(at)

  const target = await beginUpload(registry.url, REPOSITORY)
  await sendAndLeave(
    {
      method: 'PATCH',
      target,
      headers:
        encoding === 'length'
          ? { 'Content-Length': `${size}` }
          : { 'Transfer-Encoding': 'chunked' },
      wire: wire.subarray(0, at),
    },
    how,
  )
  let offset = await reportedOffset(target)
  expect(offset).toBeLessThanOrEqual(sent)
  while (!(await isAccepted(target, bytes, offset))) {
    // The status may have come before the registry saw the broken request end, and 0-0 is nothing or one byte.
    const reported = await reportedOffset(target)
    offset = reported === 0 && offset === 0 ? 1 : reported
    expect(offset).toBeLessThanOrEqual(Math.max(sent, 1))
  }
  const closing = new URL(target)
  closing.searchParams.set('digest', digest)
  const closed = await fetch(closing, { method: 'PUT' })
  expect(await closed.text()).toBe('')
  expect(closed.status).toBe(201)
  expect(await pulledDigest(registry.url, REPOSITORY, digest)).toBe(digest)
  if (how === 'close') closedOffsets.push({ offset, sent })
}

/** Of the connections that were closed in order: what was sent, and what of it was committed. */
const closedOffsets: { offset: number; sent: number }[] = []

async function reportedOffset(target: URL): Promise<number> {
  const status = await fetch(target)
  expect(status.status).toBe(204)
  const last = Number(/^0-(\d+)$/.exec(status.headers.get('Range') ?? '')?.[1])
  return last === 0 ? 0 : last + 1
}

/** Sends the rest; false where the offset is not the true one. */
async function isAccepted(target: URL, bytes: Buffer<ArrayBuffer>, offset: number) {
  if (offset === bytes.length && offset > 1) return true
  if (offset >= bytes.length) return false
  const response = await fetch(target, {
    method: 'PATCH',
    headers: { 'Content-Range': `${offset}-${bytes.length - 1}` },
    body: bytes.subarray(offset),
  })
  expect([202, 416]).toContain(response.status)
  return response.status === 202
}

it('an upload resumes at any byte of a small body', async () => {
  const small = fc.oneof(fc.integer({ min: 2, max: 300_000 }), fc.constantFrom(2, READ_BYTES))
  await fc.assert(fc.asyncProperty(cases(small), resume), { numRuns: 32 })
})

it('an upload resumes at any byte of a body of more than a part', async () => {
  const large = fc.integer({ min: PART_BYTES + 3, max: 2 * PART_BYTES + 1000 })
  await fc.assert(fc.asyncProperty(cases(large), resume), { numRuns: 10 })
})

it('an upload keeps what was sent before the connection was closed, except the read that broke off', () => {
  expect(closedOffsets.length).toBeGreaterThan(5)
  for (const { offset, sent } of closedOffsets) {
    // A read waits for a quarter of what came before it, 512 KiB at most: so much is lost with it.
    expect(sent - offset).toBeLessThanOrEqual(Math.min(sent / 5, 512 * 1024))
  }
})
