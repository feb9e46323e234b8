/** Cases of objects that are written whole. */
import { digestOf } from '../../../oci/digest.ts'
import type { BlobStore } from '../blob-store.ts'
import { PART_BYTES } from '../buffer-pool.ts'
import {
  bytesAt,
  cutStream,
  type DriverCase,
  equal,
  fails,
  freshKey,
  freshPrefix,
  holds,
  holdsNothing,
  MIB,
  randomBytes,
  same,
  stored,
  streamOf,
  wrongDigest,
} from './driver.ts'

const SIZES = [0, 1, 65_535, 65_536, 65_537, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 16 * MIB]

const SIZE_CASES = SIZES.flatMap((size): DriverCase[] => [
  {
    title: `writes ${size} bytes at once`,
    async run({ store }) {
      const { key, bytes } = await stored(store, size)
      await holds(store, key, bytes)
    },
  },
  {
    title: `writes a stream of ${size} bytes`,
    async run({ store }) {
      const key = freshKey()
      const bytes = randomBytes(size)
      equal(await store.write(key, streamOf(bytes), await digestOf(bytes)), true, 'write')
      await holds(store, key, bytes)
    },
  },
])

const WRONG_CASES = ([0, 1, 100_000, PART_BYTES + 1] as const).flatMap((size): DriverCase[] => [
  {
    title: `stores nothing of ${size} bytes with another digest`,
    async run({ store }) {
      const key = freshKey()
      equal(await store.write(key, randomBytes(size), await wrongDigest()), false, 'write')
      await holdsNothing(store, key)
    },
  },
  {
    title: `stores nothing of a stream of ${size} bytes with another digest`,
    async run({ store }) {
      const key = freshKey()
      const stream = streamOf(randomBytes(size))
      equal(await store.write(key, stream, await wrongDigest()), false, 'write')
      await holdsNothing(store, key)
    },
  },
])

/** Names with characters that a URL, XML or a shell gives a meaning, and a long one. */
const ODD_NAMES = [
  'a b',
  'a+b',
  'a%2Fb',
  'a%b',
  'a&b<c>"d\'e',
  'a?b#c',
  'a=b;c,d:e@f$g!h*i(j)k',
  'ä-ß-漢字',
  '~tilde_under.dot-dash',
  '.hidden',
  'x'.repeat(200),
]

const NAME_CASES = ODD_NAMES.map(
  (name): DriverCase => ({
    title: `keeps an object with the name ${name.slice(0, 30)}`,
    async run({ store }) {
      const prefix = freshPrefix()
      const key = prefix + name
      const { bytes } = await stored(store, 100, key)
      await holds(store, key, bytes)
      const { objects } = await store.list(prefix, '')
      equal(
        objects.map((object) => object.key),
        [key],
        'list',
      )
      await store.remove([key])
      await holdsNothing(store, key)
    },
  }),
)

/** Asserts that a stream that breaks off after `sent` of `length` bytes stores nothing. */
async function keepsNothingOfCut(store: BlobStore, sent: number, length: number): Promise<void> {
  const key = freshKey()
  const bytes = randomBytes(length)
  const digest = await digestOf(bytes)
  await fails(() => store.write(key, cutStream(bytes.slice(0, sent), length), digest), 'write')
  await holdsNothing(store, key)
  equal(await store.write(key, bytes, digest), true, 'the repeated write')
  await holds(store, key, bytes)
}

const OTHER_CASES: readonly DriverCase[] = [
  {
    title: 'writes what hashes to its sha512',
    async run({ store }) {
      const key = freshKey()
      const bytes = randomBytes(100_000)
      equal(await store.write(key, bytes, await digestOf(bytes, 'sha512')), true, 'write')
      await holds(store, key, bytes)
    },
  },
  {
    title: 'writes a stream that hashes to its sha512',
    async run({ store }) {
      const key = freshKey()
      const bytes = randomBytes(6 * MIB)
      const digest = await digestOf(bytes, 'sha512')
      equal(await store.write(key, streamOf(bytes), digest), true, 'write')
      await holds(store, key, bytes)
    },
  },
  {
    title: 'stores nothing of bytes with another sha512',
    async run({ store }) {
      const key = freshKey()
      equal(await store.write(key, randomBytes(100), await wrongDigest('sha512')), false, 'write')
      await holdsNothing(store, key)
    },
  },
  {
    title: 'writes the right bytes after a try with wrong ones',
    async run({ store }) {
      const key = freshKey()
      const bytes = randomBytes(1000)
      const digest = await digestOf(bytes)
      equal(await store.write(key, randomBytes(1000), digest), false, 'the first write')
      equal(await store.write(key, bytes, digest), true, 'the second write')
      await holds(store, key, bytes)
    },
  },
  {
    title: 'may repeat a write',
    async run({ store }) {
      const { key, bytes, digest } = await stored(store, 1000)
      equal(await store.write(key, bytes, digest), true, 'the second write')
      equal(await store.write(key, streamOf(bytes), digest), true, 'the third write')
      await holds(store, key, bytes)
    },
  },
  {
    title: 'writes a view into a larger buffer, and nothing beside it',
    async run({ store }) {
      const key = freshKey()
      const view = randomBytes(3000).subarray(1000, 2000)
      equal(await store.write(key, view, await digestOf(view.slice())), true, 'write')
      await holds(store, key, view)
    },
  },
  {
    title: 'stores nothing of a stream that breaks off at once',
    run: ({ store }) => keepsNothingOfCut(store, 0, 1000),
  },
  {
    title: 'stores nothing of a stream that breaks off in the middle',
    run: ({ store }) => keepsNothingOfCut(store, 2 * MIB, 4 * MIB),
  },
  {
    title: 'stores nothing of a stream that breaks off before its last byte',
    run: ({ store }) => keepsNothingOfCut(store, 99_999, 100_000),
  },
  {
    title: 'writes a stream whose bytes come slowly',
    async run({ store }) {
      const key = freshKey()
      const bytes = randomBytes(2000)
      const slow = streamOf(bytes, { bytes: 500, pauseMs: 200 })
      equal(await store.write(key, slow, await digestOf(bytes)), true, 'write')
      await holds(store, key, bytes)
    },
  },
  {
    title: 'shows nothing of an object that is being written',
    async run({ store }) {
      const key = freshKey()
      const bytes = randomBytes(2000)
      const slow = streamOf(bytes, { bytes: 1000, pauseMs: 400 })
      const writing = store.write(key, slow, await digestOf(bytes))
      await scheduler.wait(500)
      await holdsNothing(store, key)
      equal(await writing, true, 'write')
      await holds(store, key, bytes)
    },
  },
  {
    title: 'writes 20 objects at once',
    async run({ store }) {
      const written = await Promise.all(Array.from({ length: 20 }, () => stored(store, 10_000)))
      for (const { key, bytes } of written) same(await bytesAt(store, key), bytes)
    },
  },
  {
    title: 'writes two streams of 6 MiB at once',
    async run({ store }) {
      const bodies = [randomBytes(6 * MIB), randomBytes(6 * MIB)]
      const write = async (bytes: Uint8Array<ArrayBuffer>) => {
        const key = freshKey()
        equal(await store.write(key, streamOf(bytes), await digestOf(bytes)), true, 'write')
        await holds(store, key, bytes)
      }
      await Promise.all(bodies.map(write))
    },
  },
]

export const writeCases: readonly DriverCase[] = [
  ...SIZE_CASES,
  ...WRONG_CASES,
  ...NAME_CASES,
  ...OTHER_CASES,
]
