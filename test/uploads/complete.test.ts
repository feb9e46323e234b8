import { describe, expect, it } from 'vitest'
import { type Algorithm, type Digest, digestOf } from '../../src/oci/digest.ts'
import { BufferPool, PART_BYTES } from '../../src/store/bytes/buffer-pool.ts'
import { type Completion, completeUpload } from '../../src/uploads/complete.ts'
import { PartPipeline } from '../../src/uploads/part-pipeline.ts'
import { Reception } from '../../src/uploads/reception.ts'
import { SessionState } from '../../src/uploads/session-state.ts'
import { randomBytes } from '../support/registry.ts'
import { bodyOf, MemoryBlobStore, sameBytes, withStorage } from './support.ts'

const SOURCE = randomBytes(2 * PART_BYTES + 1000)
const WRONG = await digestOf(new Uint8Array(3))

interface Upload {
  store: MemoryBlobStore
  complete(digest: Digest): Promise<Completion>
  /** What the object is made of from now on knows only what is durable. */
  evict(): void
}

/** An upload that received `bytes`. */
function received(
  bytes: Uint8Array<ArrayBuffer>,
  test: (upload: Upload) => Promise<void>,
): Promise<void> {
  return withStorage(async (storage) => {
    const store = new MemoryBlobStore()
    const state = new SessionState(storage)
    state.open('key')
    let pipeline = new PartPipeline(store, state)
    await receive(state, pipeline, bytes)
    store.log.length = 0
    await test({
      store,
      complete: (digest) => completeUpload(store, state, pipeline, digest),
      evict: () => {
        pipeline = new PartPipeline(store, state)
      },
    })
  })
}

async function receive(
  state: SessionState,
  pipeline: PartPipeline,
  bytes: Uint8Array,
): Promise<void> {
  const context = { pool: new BufferPool(), state, pipeline, algorithm: 'sha256' } as const
  await new Reception(context).run(bodyOf([bytes]), Number.POSITIVE_INFINITY)
}

describe('the finished object', () => {
  const small = SOURCE.slice(0, 1000)
  const exact = SOURCE.slice(0, 2 * PART_BYTES)
  it.each<[string, Uint8Array<ArrayBuffer>, Algorithm, boolean, string[]]>([
    ['empty', new Uint8Array(0), 'sha256', false, ['write']],
    ['less than a part', small, 'sha256', false, ['write']],
    ['less than a part, sha512', small, 'sha512', false, ['write']],
    ['less than a part, evicted', small, 'sha256', true, ['write']],
    ['whole parts', exact, 'sha256', false, ['completeParts']],
    ['parts and a tail', SOURCE, 'sha256', false, ['writePart', 'completeParts']],
    [
      'read back for another algorithm',
      SOURCE,
      'sha512',
      false,
      ['size', 'writePart', 'completeParts', 'read'],
    ],
    [
      'read back after an eviction',
      SOURCE,
      'sha256',
      true,
      ['size', 'writePart', 'completeParts', 'read'],
    ],
  ])('%s', async (_, bytes, algorithm, evict, operations) => {
    await received(bytes, async ({ store, complete, evict: evicted }) => {
      if (evict) evicted()
      expect(await complete(await digestOf(bytes, algorithm))).toBe('complete')
      expect(store.log).toEqual(operations)
      expect(sameBytes(store.objects.get('key') ?? new Uint8Array(1), bytes)).toBe(true)
      expect(store.uploads.size).toBe(0)
    })
  })

  it.each<[string, number, boolean]>([
    ['less than a part', 1000, false],
    ['parts', SOURCE.length, false],
    ['parts that are read back', SOURCE.length, true],
  ])('of the wrong digest is refused: %s', async (_, length, evict) => {
    await received(SOURCE.slice(0, length), async ({ store, complete, evict: evicted }) => {
      if (evict) evicted()
      expect(await complete(WRONG)).toBe('digest invalid')
      // What is left is the session's to discard.
      expect(store.objects.size).toBe(length > PART_BYTES && evict ? 1 : 0)
    })
  })
})

describe('completing again after it broke off', () => {
  const operations = ['size', 'writePart', 'completeParts', 'read']
  const failures = [false, true].flatMap((evict) =>
    operations
      .filter((operation) => evict || operation === 'writePart' || operation === 'completeParts')
      .flatMap((operation) =>
        (['before', 'after'] as const).map((when) => ({ operation, when, evict })),
      ),
  )
  it.each(failures)('$when $operation, evicted: $evict', async ({ operation, when, evict }) => {
    await received(SOURCE, async ({ store, complete, evict: evicted }) => {
      if (evict) evicted()
      store[when] = (made) => {
        if (made === operation) throw new Error('R2 is down')
      }
      const digest = await digestOf(SOURCE)
      await expect(complete(digest)).rejects.toThrow('R2 is down')
      store[when] = () => undefined
      expect(await complete(digest)).toBe('complete')
      expect(sameBytes(store.objects.get('key') ?? new Uint8Array(1), SOURCE)).toBe(true)
      // And once more, as after a commit that failed.
      expect(await complete(digest)).toBe('complete')
    })
  })
})

it('completing fails if the store does not have the parts as they were written', async () => {
  await received(SOURCE, async ({ store, complete }) => {
    for (const parts of store.uploads.values()) {
      const part = parts.get(2)
      if (part !== undefined) parts.set(2, { ...part, etag: 'another' })
    }
    expect(await complete(await digestOf(SOURCE))).toBe('stale')
    expect(store.objects.size).toBe(0)
  })
})

it.each(['before', 'after'] as const)(
  'a passing error %s an effect is tried again',
  async (when) => {
    for (const operation of ['write', 'writePart', 'completeParts']) {
      const bytes = operation === 'write' ? SOURCE.slice(0, 1000) : SOURCE
      await received(bytes, async ({ store, complete }) => {
        let failures = 0
        store[when] = (made) => {
          if (made === operation && failures++ < 2) throw new Error('Network connection lost.')
        }
        expect(await complete(await digestOf(bytes))).toBe('complete')
        expect(failures).toBeGreaterThanOrEqual(2)
        expect(sameBytes(store.objects.get('key') ?? new Uint8Array(1), bytes)).toBe(true)
      })
    }
  },
)
