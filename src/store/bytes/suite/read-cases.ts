/** Cases of reads, ranges and removals. */
import { PART_BYTES } from '../buffer-pool.ts'
import {
  bytesAt,
  type DriverCase,
  equal,
  freshKey,
  holds,
  holdsNothing,
  MIB,
  same,
  stored,
  storedInParts,
} from './driver.ts'

/** Ranges of an object of three parts: two whole ones and 1,000 bytes. */
const SIZE = 2 * PART_BYTES + 1000
const RANGES = [
  { what: 'the first byte', offset: 0, length: 1 },
  { what: 'the last byte', offset: SIZE - 1, length: 1 },
  { what: 'the last byte of a part', offset: PART_BYTES - 1, length: 1 },
  { what: 'the first byte of a part', offset: PART_BYTES, length: 1 },
  { what: 'two bytes across the end of a part', offset: PART_BYTES - 1, length: 2 },
  { what: 'a part and a byte on both sides', offset: PART_BYTES - 1, length: PART_BYTES + 2 },
  { what: '1 MiB in the middle', offset: 3 * MIB, length: MIB },
  { what: 'the end', offset: 2 * PART_BYTES - 7, length: 1007 },
  { what: 'all bytes', offset: 0, length: SIZE },
]

const RANGE_CASES = RANGES.map(
  ({ what, ...range }): DriverCase => ({
    title: `reads a range: ${what}`,
    async run({ store }) {
      const { key, bytes } = await storedInParts(store, SIZE)
      const { offset, length } = range
      same(await bytesAt(store, key, range), bytes.slice(offset, offset + length))
    },
  }),
)

const REMOVE_CASES: readonly DriverCase[] = [
  {
    title: 'removes an object',
    async run({ store }) {
      const { key } = await stored(store, 10)
      await store.remove([key])
      await holdsNothing(store, key)
    },
  },
  {
    title: 'removes an object that was written in parts',
    async run({ store }) {
      const { key } = await storedInParts(store, PART_BYTES + 1)
      await store.remove([key])
      await holdsNothing(store, key)
    },
  },
  {
    title: 'removes the named objects and no others',
    async run({ store }) {
      const [gone, kept, too] = await Promise.all([1, 2, 3].map(() => stored(store, 10)))
      if (gone === undefined || kept === undefined || too === undefined) throw new Error('three')
      await store.remove([gone.key, too.key])
      await holdsNothing(store, gone.key)
      await holdsNothing(store, too.key)
      await holds(store, kept.key, kept.bytes)
    },
  },
  {
    title: 'removes an object that does not exist without an error, and may repeat it',
    async run({ store }) {
      const { key } = await stored(store, 10)
      await store.remove([freshKey(), key])
      await store.remove([key])
      await store.remove([])
      await holdsNothing(store, key)
    },
  },
  {
    title: 'removes as many keys at once as its limit says',
    async run({ store }) {
      const { key } = await stored(store, 10)
      const others = Array.from({ length: store.limits.removedKeys - 1 }, freshKey)
      await store.remove([...others, key])
      await holdsNothing(store, key)
    },
  },
  {
    title: 'lets a key that was removed be written again',
    async run({ store }) {
      const { key } = await stored(store, 10)
      await store.remove([key])
      const again = await stored(store, 20, key)
      await holds(store, key, again.bytes)
    },
  },
]

const READ_CASES: readonly DriverCase[] = [
  {
    title: 'has no object with an unknown key',
    run: ({ store }) => holdsNothing(store, freshKey()),
  },
  {
    title: 'has no range of an object with an unknown key',
    async run({ store }) {
      equal(await store.read(freshKey(), { offset: 0, length: 1 }), null, 'read')
    },
  },
  {
    title: 'reads one object several times at once',
    async run({ store }) {
      const { key, bytes } = await stored(store, 3 * MIB)
      const read = await Promise.all([1, 2, 3].map(() => bytesAt(store, key)))
      for (const copy of read) same(copy, bytes)
    },
  },
  {
    title: 'reads for a slow reader',
    async run({ store }) {
      const { key, bytes } = await stored(store, 4 * MIB)
      const stream = await store.read(key)
      if (stream === null) throw new Error('read gives null')
      const read = new Uint8Array(bytes.length)
      let length = 0
      for await (const chunk of stream) {
        read.set(chunk, length)
        // A pause after each MiB.
        if (Math.floor(length / MIB) < Math.floor((length + chunk.length) / MIB)) {
          await scheduler.wait(200)
        }
        length += chunk.length
      }
      equal(length, bytes.length, 'the number of bytes')
      same(read, bytes)
    },
  },
  {
    title: 'serves others after a reader that left',
    async run({ store }) {
      const { key, bytes } = await stored(store, 8 * MIB)
      for (let readers = 0; readers < 10; readers++) {
        const stream = await store.read(key)
        const reader = stream?.getReader()
        await reader?.read()
        await reader?.cancel()
      }
      await holds(store, key, bytes)
    },
  },
  {
    title: 'serves others after a reader that took no byte',
    async run({ store }) {
      const { key, bytes } = await stored(store, 8 * MIB)
      for (let readers = 0; readers < 10; readers++) await (await store.read(key))?.cancel()
      await holds(store, key, bytes)
    },
  },
]

export const readCases: readonly DriverCase[] = [...READ_CASES, ...RANGE_CASES, ...REMOVE_CASES]
