/** Blobs of 64 MB, pushed in the ways that clients have, and pulled: from R2, and from the edge cache. */
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { LARGE, largeBlob, pushedBlob } from './blobs.ts'
import type { FloorClient } from './floor.ts'
import { slices } from './http.ts'
import type { Bar, Setup } from './row.ts'
import { BERTH, DOCKER_REGISTRY, FLOOR, type FlooredRow } from './subjects.ts'

const CHUNK = 10 * 1024 * 1024
/** The edge cache is filled beside the answer, and the fill may go on after it. */
export const CACHE_FILL_MS = 500

const ONE_AT_ONCE = { batch: 1, concurrent: false }

const pushToFloor: Setup<FloorClient> = (floor) => () => {
  const { digest, bytes } = largeBlob()
  return () => floor.putBlob(randomUUID(), digest, slices(bytes), bytes.length)
}

async function storedKey(floor: FloorClient): Promise<string> {
  const { digest, bytes } = largeBlob()
  const key = randomUUID()
  await floor.putBlob(key, digest, slices(bytes), bytes.length)
  return key
}

function bar(to: string, most: number): Bar {
  return { of: BERTH, to, most, atOnce: [1] }
}

export const LARGE_ROWS: readonly FlooredRow[] = [
  {
    id: 'push-single',
    title: 'push 64 MB, single',
    bars: [bar(FLOOR, 1.05)],
    runs: 9,
    ...ONE_AT_ONCE,
    floor: pushToFloor,
    setup: (registry) => () => {
      const { digest, bytes, size } = largeBlob()
      return () => registry.pushSingle(digest, slices(bytes), size)
    },
  },
  {
    id: 'push-streamed',
    title: 'push 64 MB, streamed',
    bars: [bar(FLOOR, 1.15)],
    runs: 9,
    ...ONE_AT_ONCE,
    floor: pushToFloor,
    setup: (registry) => () => {
      const { digest, bytes } = largeBlob()
      return () => registry.pushStreamed(digest, slices(bytes))
    },
  },
  {
    id: 'push-chunked',
    title: 'push 64 MB, 10 MB chunks',
    bars: [bar(FLOOR, 1.2)],
    runs: 9,
    ...ONE_AT_ONCE,
    floor: pushToFloor,
    setup: (registry) => () => {
      const { digest, bytes } = largeBlob()
      return () => registry.pushChunked(digest, bytes, CHUNK)
    },
  },
  {
    id: 'pull-first',
    title: 'pull 64 MB, first (R2)',
    bars: [bar(DOCKER_REGISTRY, 1.1)],
    runs: 9,
    ...ONE_AT_ONCE,
    floor: (floor) => async () => {
      const key = await storedKey(floor)
      return () => floor.getBlob(key, LARGE)
    },
    setup: (registry) => async () => {
      const blob = await pushedBlob(registry, largeBlob())
      return () => registry.pullBlob(blob)
    },
  },
  {
    id: 'pull-second',
    title: 'pull 64 MB, second',
    bars: [],
    runs: 5,
    ...ONE_AT_ONCE,
    floor: (floor) => async () => {
      const key = await storedKey(floor)
      await floor.getBlob(key, LARGE)
      return () => floor.getBlob(key, LARGE)
    },
    setup: (registry) => async () => {
      const blob = await pushedBlob(registry, largeBlob())
      await registry.pullBlob(blob)
      await wait(CACHE_FILL_MS)
      return () => registry.pullBlob(blob)
    },
  },
  {
    id: 'pull-cached',
    title: 'pull 64 MB, third and on (cached)',
    bars: [bar(DOCKER_REGISTRY, 1)],
    runs: 15,
    ...ONE_AT_ONCE,
    floor: async (floor) => {
      const key = await storedKey(floor)
      return () => () => floor.getBlob(key, LARGE)
    },
    setup: async (registry) => {
      const blob = await pushedBlob(registry, largeBlob())
      // The cache is filled by the first pull or by the second.
      for (let pull = 1; pull <= 2; pull++) {
        await registry.pullBlob(blob)
        await wait(CACHE_FILL_MS)
      }
      return () => () => registry.pullBlob(blob)
    },
  },
]
