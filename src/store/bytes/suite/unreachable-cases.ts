/** Cases of a store that cannot be reached. Each call fails with an error that says that another try may succeed. */
import { isPassing } from '../../../lib/passing-error.ts'
import { digestOf } from '../../../oci/digest.ts'
import type { BlobStore } from '../blob-store.ts'
import { type DriverCase, fails, freshKey, randomBytes, streamOf } from './driver.ts'

const part = { number: 1, etag: '5d41402abc4b2a76b9719d911017c592' }

const CALLS: Record<string, (store: BlobStore) => Promise<unknown>> = {
  read: (store) => store.read(freshKey()),
  'read of a range': (store) => store.read(freshKey(), { offset: 0, length: 1 }),
  size: (store) => store.size(freshKey()),
  async write(store) {
    const bytes = randomBytes(1000)
    return store.write(freshKey(), bytes, await digestOf(bytes))
  },
  async 'write of a stream'(store) {
    const bytes = randomBytes(1000)
    return store.write(freshKey(), streamOf(bytes), await digestOf(bytes))
  },
  list: (store) => store.list('none/', ''),
  remove: (store) => store.remove([freshKey()]),
  beginParts: (store) => store.beginParts(freshKey()),
  writePart: (store) => store.writePart(freshKey(), 'none', 1, randomBytes(1000)),
  completeParts: (store) => store.completeParts(freshKey(), 'none', [part]),
  abortParts: (store) => store.abortParts(freshKey(), 'none'),
}

export const unreachableCases: readonly DriverCase[] = Object.entries(CALLS).map(
  ([name, call]) => ({
    title: `fails for now if the store cannot be reached: ${name}`,
    async run({ unreachable }) {
      const error = await fails(() => call(unreachable), name)
      if (!isPassing(error)) throw new Error(`the error is not passing: ${error.message}`)
    },
  }),
)
