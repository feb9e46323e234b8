import { describe, expect, it } from 'vitest'
import { digestOf } from '../../src/oci/digest.ts'
import { PART_BYTES } from '../../src/uploads/part-buffers.ts'
import { SessionState } from '../../src/uploads/session-state.ts'
import { randomBytes } from '../support/registry.ts'
import { withStorage } from './support.ts'

const DIGEST = await digestOf(new Uint8Array(1))
const OTHER = await digestOf(new Uint8Array(2))

function facts(state: SessionState) {
  const { upload, free, phase, storageKey, partsId, digest } = state
  const { partCount, tailLength, offset } = state
  const bytes = { partCount, tailLength, offset, parts: state.parts() }
  return { upload, free, phase, storageKey, partsId, digest, ...bytes }
}

const nothing = () => undefined

const FRESH = {
  upload: 'one',
  free: false,
  phase: 'fresh',
  storageKey: '',
  partsId: null,
  digest: null,
  partCount: 0,
  tailLength: 0,
  offset: 0,
  parts: [],
}

/** Each case with what is known after it; all are read once more from the storage, as after an eviction. */
const CASES: [string, (state: SessionState) => void, object][] = [
  ['nothing', nothing, { upload: '', free: true }],
  ['open', (state) => state.open('key'), { phase: 'open', storageKey: 'key' }],
  ['claimed', (state) => state.claimWhole(DIGEST), { phase: 'whole', digest: DIGEST, free: true }],
  [
    'a tail in two chunks',
    (state) => {
      state.open('key')
      state.appendTail(new Uint8Array(3))
      state.appendTail(new Uint8Array(4))
    },
    { phase: 'open', storageKey: 'key', tailLength: 7, offset: 7 },
  ],
  [
    'parts, and a tail behind them',
    (state) => {
      state.open('key')
      state.appendTail(new Uint8Array(9))
      state.setPartsId('id')
      state.addPart({ number: 1, etag: 'one' })
      state.addPart({ number: 2, etag: 'two' })
      state.appendTail(new Uint8Array(5))
    },
    {
      phase: 'open',
      storageKey: 'key',
      partsId: 'id',
      partCount: 2,
      tailLength: 5,
      offset: 2 * PART_BYTES + 5,
      parts: [
        { number: 1, etag: 'one' },
        { number: 2, etag: 'two' },
      ],
    },
  ],
  [
    'a part that was written twice counts once, with its newest etag',
    (state) => {
      state.open('key')
      state.addPart({ number: 1, etag: 'old' })
      state.addPart({ number: 1, etag: 'new' })
    },
    {
      phase: 'open',
      storageKey: 'key',
      partCount: 1,
      offset: PART_BYTES,
      parts: [{ number: 1, etag: 'new' }],
    },
  ],
  [
    'finishing keeps everything',
    (state) => {
      state.open('key')
      state.appendTail(new Uint8Array(5))
      state.finishing(DIGEST)
    },
    { phase: 'finishing', storageKey: 'key', digest: DIGEST, tailLength: 5, offset: 5 },
  ],
  [
    'done keeps the digest only',
    (state) => {
      state.open('key')
      state.setPartsId('id')
      state.addPart({ number: 1, etag: 'one' })
      state.appendTail(new Uint8Array(5))
      state.finishing(DIGEST)
      state.done(DIGEST)
    },
    { phase: 'done', digest: DIGEST, free: true },
  ],
  [
    'another one after that',
    (state) => {
      state.open('key')
      state.appendTail(new Uint8Array(5))
      state.done(DIGEST)
      state.begin('two')
      state.open('key two')
    },
    { upload: 'two', phase: 'open', storageKey: 'key two' },
  ],
  [
    'ended keeps what is to be discarded',
    (state) => {
      state.open('key')
      state.setPartsId('id')
      state.end()
    },
    { phase: 'ended', storageKey: 'key', partsId: 'id' },
  ],
  [
    'discarded keeps nothing',
    (state) => {
      state.open('key')
      state.setPartsId('id')
      state.addPart({ number: 1, etag: 'one' })
      state.appendTail(new Uint8Array(5))
      state.end()
      state.discarded()
    },
    { phase: 'ended' },
  ],
  ['ended before it began', (state) => state.end(), { phase: 'ended' }],
]

describe('what a session knows', () => {
  it.each(CASES)('%s', async (_, change, known) => {
    const [now, later] = await withStorage(async (storage) => {
      const state = new SessionState(storage)
      if (change !== nothing) state.begin('one')
      change(state)
      return [facts(state), facts(new SessionState(storage))]
    })
    expect(now).toEqual({ ...FRESH, ...known })
    expect(later).toEqual(now)
  })
})

it('changes nothing where one of several statements fails', async () => {
  const starts = await withStorage(async (storage) => {
    const state = new SessionState(storage)
    state.begin('one')
    state.open('key')
    // Where the second row of the tail would stand.
    storage.sql.exec(
      'INSERT INTO tail (start, bytes) VALUES (?, ?)',
      1024 * 1024,
      new Uint8Array(1),
    )
    expect(() => state.appendTail(new Uint8Array(1024 * 1024 + 1))).toThrow('UNIQUE')
    expect(state.tailLength).toBe(0)
    return storage.sql.exec('SELECT start FROM tail').toArray()
  })
  expect(starts).toEqual([{ start: 1024 * 1024 }])
})

it('remembers of every earlier upload what it was committed under', async () => {
  const [now, later] = await withStorage(async (storage) => {
    const state = new SessionState(storage)
    for (const upload of ['one', 'two', 'three']) {
      state.begin(upload)
      state.open('key')
      state.done(upload === 'two' ? OTHER : DIGEST)
    }
    const earlier = (read: SessionState) =>
      ['one', 'two', 'three', 'four'].map((upload) => read.earlier(upload))
    return [earlier(state), earlier(new SessionState(storage))]
  })
  expect(now).toEqual([DIGEST, OTHER, null, null])
  expect(later).toEqual(now)
})

describe('the tail', () => {
  it.each([0, 1, 1024 * 1024, 1024 * 1024 + 1, PART_BYTES - 1])(
    'of %i bytes is read as it was written',
    async (length) => {
      const bytes = randomBytes(length)
      const read = await withStorage(async (storage) => {
        const state = new SessionState(storage)
        state.open('key')
        const middle = Math.floor(length / 3)
        state.appendTail(bytes.subarray(0, middle))
        state.appendTail(bytes.subarray(middle))
        const target = new Uint8Array(length)
        new SessionState(storage).readTail(target)
        return target
      })
      expect(await digestOf(read)).toBe(await digestOf(bytes))
    },
  )

  it('goes when it becomes part of a part', async () => {
    const length = await withStorage(async (storage) => {
      const state = new SessionState(storage)
      state.open('key')
      state.appendTail(new Uint8Array(2_000_000))
      state.addPart({ number: 1, etag: 'one' })
      return new SessionState(storage).tailLength
    })
    expect(length).toBe(0)
  })
})
