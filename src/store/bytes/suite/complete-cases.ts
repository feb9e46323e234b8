/** Cases of the end of an upload in parts: completed, refused, aborted, begun again. */
import { PART_BYTES } from '../buffer-pool.ts'
import {
  cutStream,
  type DriverCase,
  equal,
  fails,
  freshKey,
  freshPrefix,
  holds,
  holdsNothing,
  randomBytes,
  storedInParts,
} from './driver.ts'

export const completeCases: readonly DriverCase[] = [
  {
    title: 'shows and lists nothing before the parts are completed',
    async run({ store }) {
      const prefix = freshPrefix()
      const key = `${prefix}parts`
      const id = await store.beginParts(key)
      await store.writePart(key, id, 1, randomBytes(PART_BYTES))
      await holdsNothing(store, key)
      equal(await store.list(prefix, ''), { objects: [], more: false }, 'list')
    },
  },
  {
    title: 'completes again what is complete',
    async run({ store }) {
      const { key, bytes, id, parts } = await storedInParts(store, PART_BYTES + 1)
      equal(await store.completeParts(key, id, parts), true, 'the second completeParts')
      await holds(store, key, bytes)
    },
  },
  {
    title: 'refuses the receipt of a part that was replaced',
    async run({ store }) {
      const key = freshKey()
      const id = await store.beginParts(key)
      const stale = await store.writePart(key, id, 1, randomBytes(1000))
      await store.writePart(key, id, 1, randomBytes(1000))
      equal(await store.completeParts(key, id, [stale]), false, 'completeParts')
      await holdsNothing(store, key)
    },
  },
  {
    title: 'refuses a part that was never written',
    async run({ store }) {
      const key = freshKey()
      const id = await store.beginParts(key)
      const part = await store.writePart(key, id, 1, randomBytes(PART_BYTES))
      const parts = [part, { number: 2, etag: part.etag }]
      equal(await store.completeParts(key, id, parts), false, 'completeParts')
      await holdsNothing(store, key)
    },
  },
  {
    title: 'completes after it refused a wrong receipt',
    async run({ store }) {
      const key = freshKey()
      const bytes = randomBytes(1000)
      const id = await store.beginParts(key)
      const stale = await store.writePart(key, id, 1, randomBytes(1000))
      const part = await store.writePart(key, id, 1, bytes)
      equal(await store.completeParts(key, id, [stale]), false, 'the first completeParts')
      equal(await store.completeParts(key, id, [part]), true, 'the second completeParts')
      await holds(store, key, bytes)
    },
  },
  {
    title: 'refuses to complete what was aborted',
    async run({ store }) {
      const key = freshKey()
      const id = await store.beginParts(key)
      const part = await store.writePart(key, id, 1, randomBytes(10))
      await store.abortParts(key, id)
      equal(await store.completeParts(key, id, [part]), false, 'completeParts')
      await holdsNothing(store, key)
    },
  },
  {
    title: 'takes no part for what was aborted',
    async run({ store }) {
      const key = freshKey()
      const id = await store.beginParts(key)
      await store.abortParts(key, id)
      await fails(() => store.writePart(key, id, 1, randomBytes(10)), 'writePart')
    },
  },
  {
    title: 'may repeat an abort, also after the end',
    async run({ store }) {
      const key = freshKey()
      const id = await store.beginParts(key)
      await store.abortParts(key, id)
      await store.abortParts(key, id)
      const made = await storedInParts(store, 100)
      await store.abortParts(made.key, made.id)
      await holds(store, made.key, made.bytes)
    },
  },
  {
    title: 'takes a part again that broke off',
    async run({ store }) {
      const key = freshKey()
      const bytes = randomBytes(PART_BYTES)
      const id = await store.beginParts(key)
      const cut = () => store.writePart(key, id, 1, cutStream(bytes.slice(0, 70_000), PART_BYTES))
      await fails(cut, 'writePart')
      const part = await store.writePart(key, id, 1, bytes)
      equal(await store.completeParts(key, id, [part]), true, 'completeParts')
      await holds(store, key, bytes)
    },
  },
]
