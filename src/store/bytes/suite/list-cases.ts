/** Cases of lists. */
import type { BlobStore } from '../blob-store.ts'
import { type DriverCase, equal, freshPrefix, stored } from './driver.ts'

/** How far the store's clock may be from this one. */
const SKEW_MS = 5 * 60_000

async function keysOf(store: BlobStore, prefix: string, after = ''): Promise<string[]> {
  const { objects, more } = await store.list(prefix, after)
  equal(more, false, 'more')
  return objects.map(({ key }) => key)
}

/** Writes small objects with these names, not in their order. */
async function storedNames(store: BlobStore, prefix: string, names: readonly string[]) {
  for (const name of names.toReversed()) await stored(store, 3, prefix + name)
}

export const listCases: readonly DriverCase[] = [
  {
    title: 'lists nothing where nothing was written',
    async run({ store }) {
      equal(await keysOf(store, freshPrefix()), [], 'list')
    },
  },
  {
    title: 'lists an object with the time when it was written',
    async run({ store }) {
      const prefix = freshPrefix()
      const { key } = await stored(store, 3, `${prefix}one`)
      const { objects, more } = await store.list(prefix, '')
      equal(
        objects.map((object) => object.key),
        [key],
        'list',
      )
      equal(more, false, 'more')
      const [object] = objects
      const ageMs = Date.now() - (object?.uploaded ?? 0)
      if (!(Math.abs(ageMs) < SKEW_MS)) throw new Error(`the object is ${ageMs} ms old`)
    },
  },
  {
    title: 'lists keys in their order',
    async run({ store }) {
      const prefix = freshPrefix()
      const names = ['-', '0', '10', '2', 'a', 'a-b', 'a.b', 'aa', 'b']
      await storedNames(store, prefix, names)
      equal(
        await keysOf(store, prefix),
        names.map((name) => prefix + name),
        'list',
      )
    },
  },
  {
    title: 'lists keys below a prefix and no others',
    async run({ store }) {
      const prefix = freshPrefix()
      await storedNames(store, prefix, ['a/1', 'a/2', 'a-3', 'ab/4', 'b/5'])
      equal(await keysOf(store, `${prefix}a/`), [`${prefix}a/1`, `${prefix}a/2`], 'list')
      equal(await keysOf(store, `${prefix}c/`), [], 'list')
    },
  },
  {
    title: 'lists keys of several levels in their order',
    async run({ store }) {
      const prefix = freshPrefix()
      // `-` and `.` come before `/`, and `0` after it.
      const names = ['a-1', 'a.1', 'a/1', 'a/1-0/2', 'a/1/2', 'a0', 'b/1']
        // One name may not be the folder of another.
        .filter((name) => name !== 'a/1')
      await storedNames(store, prefix, names)
      equal(
        await keysOf(store, prefix),
        names.map((name) => prefix + name),
        'list',
      )
    },
  },
  {
    title: 'takes a prefix that ends within a name',
    async run({ store }) {
      const prefix = freshPrefix()
      await storedNames(store, prefix, ['day-1/x', 'day-2/x', 'day-20/x', 'day-3/x'])
      equal(
        await keysOf(store, `${prefix}day-2`),
        [`${prefix}day-2/x`, `${prefix}day-20/x`],
        'list',
      )
    },
  },
  {
    title: 'lists what follows a key, without that key',
    async run({ store }) {
      const prefix = freshPrefix()
      await storedNames(store, prefix, ['a', 'b', 'c'])
      equal(await keysOf(store, prefix, `${prefix}a`), [`${prefix}b`, `${prefix}c`], 'list')
    },
  },
  {
    title: 'lists what follows a key that does not exist',
    async run({ store }) {
      const prefix = freshPrefix()
      await storedNames(store, prefix, ['a', 'c'])
      equal(await keysOf(store, prefix, `${prefix}b`), [`${prefix}c`], 'list')
    },
  },
  {
    title: 'lists nothing after the last key',
    async run({ store }) {
      const prefix = freshPrefix()
      await storedNames(store, prefix, ['a', 'b'])
      equal(await keysOf(store, prefix, `${prefix}b`), [], 'list')
    },
  },
  {
    title: 'does not list what was removed',
    async run({ store }) {
      const prefix = freshPrefix()
      await storedNames(store, prefix, ['a', 'b', 'c'])
      await store.remove([`${prefix}b`])
      equal(await keysOf(store, prefix), [`${prefix}a`, `${prefix}c`], 'list')
    },
  },
  {
    title: 'lists 1,005 objects in pages of at most 1,000, each once',
    async run({ store }) {
      const prefix = freshPrefix()
      const names = Array.from({ length: 1005 }, (_, index) => `${prefix}${1000 + index}`)
      const left = [...names]
      const write = async () => {
        for (let key = left.pop(); key !== undefined; key = left.pop()) await stored(store, 3, key)
      }
      await Promise.all(Array.from({ length: 20 }, write))
      const listed: string[] = []
      for (let more = true; more; ) {
        const page = await store.list(prefix, listed.at(-1) ?? '')
        if (page.objects.length > 1000) throw new Error(`a page has ${page.objects.length} objects`)
        if (page.objects.length === 0 && page.more) throw new Error('an empty page is not the last')
        listed.push(...page.objects.map(({ key }) => key))
        more = page.more
      }
      equal(listed, names, 'list')
      await store.remove(names.slice(0, 1000))
      equal(await keysOf(store, prefix), names.slice(1000), 'list')
    },
  },
]
