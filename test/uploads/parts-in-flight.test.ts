/** What parts in flight are for: the speed of an upload is not bound to the latency of one part. */
import { expect, it } from 'vitest'
import { BufferPool, PART_BYTES } from '../../src/store/bytes/buffer-pool.ts'
import { PartPipeline } from '../../src/uploads/part-pipeline.ts'
import { Reception } from '../../src/uploads/reception.ts'
import { SessionState } from '../../src/uploads/session-state.ts'
import { randomBytes } from '../support/registry.ts'
import { bodyOf, MemoryBlobStore, withStorage } from './support.ts'

const PART_MS = 300
const ALL_PART_BUFFERS = 11

class DistantStore extends MemoryBlobStore {
  override async writePart(...args: Parameters<MemoryBlobStore['writePart']>) {
    await scheduler.wait(PART_MS)
    return super.writePart(...args)
  }
}

const READ = randomBytes(PART_BYTES / 20)
/** 64 MB. */
const READS = Array.from({ length: Math.ceil(64_000_000 / READ.length) }, () => READ)

/** Milliseconds until the bytes are committed, where the pool has so many part buffers. */
function timeWith(partBuffers: number): Promise<number> {
  return withStorage(async (storage) => {
    const state = new SessionState(storage)
    state.open('key')
    const pool = new BufferPool()
    for (let taken = ALL_PART_BUFFERS; taken > partBuffers; taken--) pool.tryAcquire('part')
    const pipeline = new PartPipeline(new DistantStore(), state)
    const reception = new Reception({ pool, state, pipeline, algorithm: 'sha256' })
    const body = bodyOf(READS)
    const start = Date.now()
    expect(await reception.run(body, Number.POSITIVE_INFINITY)).toBe('complete')
    return Date.now() - start
  })
}

it('64 MB take at most 0.45 of the time of one part at a time, where a part takes 300 ms', async () => {
  const oneAtATime = await timeWith(1)
  const several = await timeWith(4)
  console.log(`64 MB: ${oneAtATime} ms one part at a time, ${several} ms with three in flight`)
  expect(several / oneAtATime).toBeLessThanOrEqual(0.45)
})
