import { describe, expect, it, vi } from 'vitest'
import { digestOf } from '../../src/oci/digest.ts'
import { PART_BYTES } from '../../src/store/bytes/buffer-pool.ts'
import { completeUpload } from '../../src/uploads/complete.ts'
import { PartPipeline, sourceOf } from '../../src/uploads/part-pipeline.ts'
import { SessionState } from '../../src/uploads/session-state.ts'
import { randomBytes } from '../support/registry.ts'
import { HeldStore, MemoryBlobStore, sameBytes, withStorage } from './support.ts'

const SOURCE = randomBytes(4 * PART_BYTES)

function partOf(number: number): Uint8Array<ArrayBuffer> {
  return SOURCE.slice((number - 1) * PART_BYTES, number * PART_BYTES)
}

function begun(
  test: (upload: {
    store: HeldStore
    state: SessionState
    pipeline: PartPipeline
  }) => Promise<void>,
): Promise<void> {
  return withStorage(async (storage) => {
    const store = new HeldStore()
    const state = new SessionState(storage)
    state.open('key')
    await test({ store, state, pipeline: new PartPipeline(store, state) })
  })
}

describe('parts in flight', () => {
  it('are written side by side, and committed without a gap', async () => {
    await begun(async ({ store, state, pipeline }) => {
      const commits = [1, 2, 3].map((n) => pipeline.write(sourceOf(partOf(n)), 'sha256'))
      await scheduler.wait(20)
      expect([...store.held.keys()]).toEqual([1, 2, 3])
      store.held.get(3)?.resolve()
      store.held.get(2)?.resolve()
      await scheduler.wait(20)
      expect([state.partCount, pipeline.inFlight]).toEqual([0, 3])
      store.held.get(1)?.resolve()
      await Promise.all(commits)
      expect([state.partCount, pipeline.inFlight]).toEqual([3, 0])
      const digest = await digestOf(SOURCE.slice(0, 3 * PART_BYTES))
      state.finish(digest)
      expect(await completeUpload(store, state, pipeline, digest)).toBe('complete')
      expect(
        sameBytes(store.objects.get('key') ?? SOURCE, SOURCE.subarray(0, 3 * PART_BYTES)),
      ).toBe(true)
    })
  })

  it('behind one that fails are dropped, and written again', async () => {
    await begun(async ({ store, state, pipeline }) => {
      const commits = [1, 2, 3].map((n) => pipeline.write(sourceOf(partOf(n)), 'sha256'))
      await scheduler.wait(20)
      store.held.get(3)?.resolve()
      store.held.get(1)?.resolve()
      store.held.get(2)?.reject(new Error('R2 is down'))
      await expect(pipeline.drain()).rejects.toThrow('R2 is down')
      expect(await Promise.allSettled(commits)).toMatchObject([
        { status: 'fulfilled' },
        { status: 'rejected' },
        { status: 'rejected' },
      ])
      expect([state.partCount, pipeline.inFlight]).toEqual([1, 0])
      const again = [2, 3].map((n) => pipeline.write(sourceOf(partOf(n)), 'sha256'))
      await scheduler.wait(20)
      for (const gate of store.held.values()) gate.resolve()
      await Promise.all(again)
      expect(state.partCount).toBe(3)
      const digest = await digestOf(SOURCE.slice(0, 3 * PART_BYTES))
      state.finish(digest)
      expect(await completeUpload(store, state, pipeline, digest)).toBe('complete')
      // The hash took each part once, so nothing is read back.
      expect(store.log).not.toContain('read')
    })
  })

  it('of an upload that is ended are not committed', async () => {
    await begun(async ({ store, state, pipeline }) => {
      const commit = pipeline.write(sourceOf(partOf(1)), 'sha256')
      await scheduler.wait(20)
      state.end()
      store.held.get(1)?.resolve()
      await commit
      expect(state.partCount).toBe(0)
    })
  })
})

it('a hash that includes an uncommitted part is not used', async () => {
  await withStorage(async (storage) => {
    const store = new MemoryBlobStore()
    const state = new SessionState(storage)
    state.open('key')
    const pipeline = new PartPipeline(store, state)
    await pipeline.write(sourceOf(partOf(1)), 'sha256')
    vi.spyOn(state, 'addPart').mockImplementationOnce(() => {
      throw new Error('the storage is full')
    })
    await expect(pipeline.write(sourceOf(partOf(2)), 'sha256')).rejects.toThrow('full')
    await pipeline.drain().catch(() => undefined)
    await pipeline.write(sourceOf(partOf(2)), 'sha256')
    const digest = await digestOf(SOURCE.slice(0, 2 * PART_BYTES))
    state.finish(digest)
    expect(await completeUpload(store, state, pipeline, digest)).toBe('complete')
    expect(store.log).toContain('read')
  })
})

it('a part with a passing error is written again from its buffer', async () => {
  await withStorage(async (storage) => {
    const store = new MemoryBlobStore()
    const state = new SessionState(storage)
    state.open('key')
    const pipeline = new PartPipeline(store, state)
    const failures = { before: 0, after: 0 }
    for (const when of ['before', 'after'] as const) {
      store[when] = (operation) => {
        const isFirst = operation === 'writePart' && failures[when]++ === 0
        if (isFirst) throw new Error('uploadPart: Network connection lost. (10001)')
      }
    }
    await pipeline.write(sourceOf(partOf(1)), 'sha256')
    expect(state.partCount).toBe(1)
    expect(store.log.filter((operation) => operation === 'writePart')).toHaveLength(3)
  })
})

it('an upload in parts is begun while the first part fills', async () => {
  await withStorage(async (storage) => {
    const store = new MemoryBlobStore()
    const state = new SessionState(storage)
    state.open('key')
    const pipeline = new PartPipeline(store, state)
    pipeline.begin()
    await scheduler.wait(20)
    expect(store.log).toEqual(['beginParts'])
    await pipeline.write(sourceOf(partOf(1)), 'sha256')
    expect(store.log).toEqual(['beginParts', 'writePart'])
  })
})
