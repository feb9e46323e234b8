import { describe, expect, it } from 'vitest'
import { digestOf } from '../../src/oci/digest.ts'
import { PART_BYTES } from '../../src/store/bytes/buffer-pool.ts'
import { SessionState } from '../../src/uploads/session-state.ts'
import { randomBytes } from '../support/registry.ts'
import { withStorage } from './support.ts'

const DIGEST = await digestOf(new Uint8Array(1))
const OTHER = await digestOf(new Uint8Array(2))

function facts(state: SessionState) {
  const { phase, storageKey, partsId, digest } = state
  const { partCount, tailLength, offset } = state
  const parts = state.phase === 'none' ? [] : state.parts()
  return { phase, storageKey, partsId, digest, partCount, tailLength, offset, parts }
}

const nothing = () => undefined

const NONE = {
  phase: 'none',
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
  ['nothing', nothing, {}],
  ['open', (state) => state.open('key'), { phase: 'open', storageKey: 'key' }],
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
      state.addPart({ number: 1, etag: 'one' }, 9)
      state.addPart({ number: 2, etag: 'two' }, 0)
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
    'finishing keeps everything',
    (state) => {
      state.open('key')
      state.appendTail(new Uint8Array(5))
      state.finish(DIGEST)
    },
    { phase: 'finishing', storageKey: 'key', digest: DIGEST, tailLength: 5, offset: 5 },
  ],
  [
    'done keeps the digest only',
    (state) => {
      state.open('key')
      state.setPartsId('id')
      state.addPart({ number: 1, etag: 'one' }, 0)
      state.appendTail(new Uint8Array(5))
      state.finish(DIGEST)
      state.done()
    },
    { phase: 'done', digest: DIGEST },
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
      state.addPart({ number: 1, etag: 'one' }, 0)
      state.appendTail(new Uint8Array(5))
      state.end()
      state.discarded()
    },
    { phase: 'ended' },
  ],
  ['ended before it began', (state) => state.end(), { phase: 'ended' }],
]

describe('the state of a session', () => {
  it.each(CASES)('%s', async (_, change, known) => {
    const [now, later] = await withStorage(async (storage) => {
      const state = new SessionState(storage)
      change(state)
      return [facts(state), facts(new SessionState(storage))]
    })
    expect(now).toEqual({ ...NONE, ...known })
    expect(later).toEqual(now)
  })
})

it('a failed statement undoes the others of its transaction', async () => {
  const starts = await withStorage(async (storage) => {
    const state = new SessionState(storage)
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

describe('a transition that the table of phases does not have', () => {
  it.each<[string, (state: SessionState) => void]>([
    ['a second beginning', (state) => state.open('key')],
    ['done before all bytes are here', (state) => state.done()],
    ['a part after all bytes are here', afterFinish((state) => state.addPart(part(1), 0))],
    [
      'a tail after all bytes are here',
      afterFinish((state) => state.appendTail(new Uint8Array(1))),
    ],
    ['another digest for the same bytes', afterFinish((state) => state.finish(OTHER))],
    ['an end after success', afterDone((state) => state.end())],
    [
      'a part that leaves the tail out',
      (state) => {
        state.appendTail(new Uint8Array(1))
        state.addPart(part(1), 0)
      },
    ],
    ['a part that leaves a gap', (state) => state.addPart(part(2), 0)],
  ])('is refused, and changes nothing: %s', async (_, move) => {
    await withStorage(async (storage) => {
      const state = new SessionState(storage)
      state.open('key')
      expect(() => move(state)).toThrow()
      expect(facts(new SessionState(storage))).toEqual(facts(state))
    })
  })

  function part(number: number) {
    return { number, etag: 'etag' }
  }

  function afterDone(move: (state: SessionState) => void) {
    return afterFinish((state) => {
      state.done()
      move(state)
    })
  }

  function afterFinish(move: (state: SessionState) => void) {
    return (state: SessionState) => {
      state.finish(DIGEST)
      move(state)
    }
  }
})

it('a session forgets everything, and can begin again in the same memory', async () => {
  await withStorage(async (storage) => {
    const state = new SessionState(storage)
    state.open('key')
    state.appendTail(new Uint8Array(5))
    await state.forget()
    expect(facts(state)).toEqual(NONE)
    expect(facts(new SessionState(storage))).toEqual(NONE)
    state.open('another key')
    state.appendTail(new Uint8Array(3))
    expect(facts(new SessionState(storage))).toMatchObject({ phase: 'open', offset: 3 })
  })
})

it('a session writes nothing before the first byte', async () => {
  await withStorage(async (storage) => {
    facts(new SessionState(storage))
    const tables = storage.sql.exec(`SELECT name FROM sqlite_schema WHERE name = 'upload'`)
    expect(tables.toArray()).toEqual([])
  })
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
        return new Uint8Array(await new Blob([...new SessionState(storage).tail()]).arrayBuffer())
      })
      expect(await digestOf(read)).toBe(await digestOf(bytes))
    },
  )

  it('is removed when it becomes part of a part', async () => {
    const length = await withStorage(async (storage) => {
      const state = new SessionState(storage)
      state.open('key')
      state.appendTail(new Uint8Array(2_000_000))
      state.addPart({ number: 1, etag: 'one' }, 2_000_000)
      return new SessionState(storage).tailLength
    })
    expect(length).toBe(0)
  })
})
