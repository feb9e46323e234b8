/** Cases of objects that are written in parts. */
import type { Part } from '../blob-store.ts'
import { PART_BYTES } from '../buffer-pool.ts'
import {
  type Bytes,
  bytesAt,
  type DriverCase,
  equal,
  freshKey,
  holds,
  holdsNothing,
  randomBytes,
  same,
  storedInParts,
  streamOf,
} from './driver.ts'

const SIZES = [1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES, 2 * PART_BYTES + 12_345]

const SIZE_CASES = SIZES.map(
  (size): DriverCase => ({
    title: `makes an object of ${size} bytes from parts`,
    async run({ store }) {
      const { key, bytes } = await storedInParts(store, size)
      await holds(store, key, bytes)
    },
  }),
)

/** The bytes of part `number`, from 1. */
function partOf(bytes: Bytes, number: number): Bytes {
  return bytes.subarray((number - 1) * PART_BYTES, number * PART_BYTES)
}

const THREE = 2 * PART_BYTES + 1000

const ORDER_CASES: readonly DriverCase[] = [
  {
    title: 'takes parts as streams',
    async run({ store }) {
      const key = freshKey()
      const bytes = randomBytes(PART_BYTES + 1000)
      const id = await store.beginParts(key)
      const parts = [
        await store.writePart(key, id, 1, streamOf(partOf(bytes, 1))),
        await store.writePart(key, id, 2, streamOf(partOf(bytes, 2))),
      ]
      equal(await store.completeParts(key, id, parts), true, 'completeParts')
      await holds(store, key, bytes)
    },
  },
  {
    title: 'takes parts in any order',
    async run({ store }) {
      const key = freshKey()
      const bytes = randomBytes(THREE)
      const id = await store.beginParts(key)
      const parts: Part[] = []
      for (const number of [3, 1, 2]) {
        parts[number - 1] = await store.writePart(key, id, number, partOf(bytes, number))
      }
      equal(await store.completeParts(key, id, parts), true, 'completeParts')
      await holds(store, key, bytes)
    },
  },
  {
    title: 'takes several parts at once',
    async run({ store }) {
      const key = freshKey()
      const bytes = randomBytes(THREE)
      const id = await store.beginParts(key)
      const write = (number: number) => store.writePart(key, id, number, partOf(bytes, number))
      const parts = await Promise.all([1, 2, 3].map(write))
      equal(
        parts.map(({ number }) => number),
        [1, 2, 3],
        'the numbers of the receipts',
      )
      equal(await store.completeParts(key, id, parts), true, 'completeParts')
      await holds(store, key, bytes)
    },
  },
  {
    title: 'takes a part again, and keeps the newest',
    async run({ store }) {
      const key = freshKey()
      const bytes = randomBytes(1000)
      const id = await store.beginParts(key)
      await store.writePart(key, id, 1, randomBytes(2000))
      const part = await store.writePart(key, id, 1, bytes)
      equal(await store.completeParts(key, id, [part]), true, 'completeParts')
      await holds(store, key, bytes)
    },
  },
  {
    title: 'takes receipts that were stored as JSON',
    async run({ store }) {
      const key = freshKey()
      const bytes = randomBytes(1000)
      const id = await store.beginParts(key)
      const { number, etag } = await store.writePart(key, id, 1, bytes)
      const parts = [{ number, etag: JSON.parse(JSON.stringify(etag)) }]
      equal(await store.completeParts(key, id, parts), true, 'completeParts')
      await holds(store, key, bytes)
    },
  },
  {
    title: 'makes the whole of unequal parts, or refuses them',
    async run({ store }) {
      const key = freshKey()
      const bytes = randomBytes(2 * PART_BYTES + 500)
      const id = await store.beginParts(key)
      const parts = [
        await store.writePart(key, id, 1, bytes.subarray(0, PART_BYTES + 500)),
        await store.writePart(key, id, 2, bytes.subarray(PART_BYTES + 500)),
      ]
      const isMade = await store.completeParts(key, id, parts).catch(() => false)
      if (isMade) await holds(store, key, bytes)
      else await holdsNothing(store, key)
    },
  },
  {
    title: 'keeps two uploads to one key apart',
    async run({ store }) {
      const key = freshKey()
      const bytes = randomBytes(1000)
      const ids = [await store.beginParts(key), await store.beginParts(key)] as const
      if (ids[0] === ids[1]) throw new Error('two uploads have one id')
      const part = await store.writePart(key, ids[0], 1, bytes)
      await store.writePart(key, ids[1], 1, randomBytes(1000))
      await store.abortParts(key, ids[1])
      equal(await store.completeParts(key, ids[0], [part]), true, 'completeParts')
      await holds(store, key, bytes)
    },
  },
  {
    title: 'makes an object of 10,000 parts',
    async run({ smallParts: store }) {
      const key = freshKey()
      const bytes = randomBytes(10_000)
      const id = await store.beginParts(key)
      const parts: Part[] = []
      for (let number = 1; number <= bytes.length; number++) {
        parts.push(await store.writePart(key, id, number, bytes.subarray(number - 1, number)))
      }
      equal(await store.completeParts(key, id, parts), true, 'completeParts')
      equal(await store.size(key), bytes.length, 'size')
      same(await bytesAt(store, key), bytes)
    },
  },
]

export const partCases: readonly DriverCase[] = [...SIZE_CASES, ...ORDER_CASES]
