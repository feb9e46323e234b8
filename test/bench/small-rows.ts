/** Requests so small that the work beside them is all that they cost; measured with one, and with many at once. */
import { randomUUID } from 'node:crypto'
import { pushedBlob, SMALL, smallBlob } from './blobs.ts'
import type { FloorClient } from './floor.ts'
import { slices } from './http.ts'
import { imageManifest, type RegistryClient } from './registry-client.ts'
import type { Bar, Setup } from './row.ts'
import { BERTH, DOCKER_REGISTRY, FLOOR, type FlooredRow } from './subjects.ts'

const TAGS = 100
/** Manifests are put under so many tags in turn: those that are put at once are not one tag's. */
const PUT_TAGS = 32

const MANY_AT_ONCE = { runs: 21, batch: 64, concurrent: true }

/** The bars of small requests are asked of one and of eight at once. */
function bar(to: string, most: number): Bar {
  return { of: BERTH, to, most, atOnce: [1, 8] }
}
/** What is read from D1 alone: local D1 is the floor, and a file system is faster still. */
const READ_BARS: readonly Bar[] = [bar(FLOOR, 1.15), { ...bar(DOCKER_REGISTRY, 1), goal: true }]

const queryFloor: Setup<FloorClient> = (floor) => () => () => floor.getRow()

const pushFloor: Setup<FloorClient> = (floor) => () => {
  const { digest, bytes } = smallBlob()
  return () => floor.putBlob(randomUUID(), digest, slices(bytes), bytes.length)
}

async function pushedManifest(registry: RegistryClient): Promise<Buffer> {
  return imageManifest(await pushedBlob(registry, smallBlob()), randomUUID())
}

export const SMALL_ROWS: readonly FlooredRow[] = [
  {
    id: 'push-whole-small',
    title: 'push 4 KB (POST, PUT)',
    bars: [bar(DOCKER_REGISTRY, 1)],
    ...MANY_AT_ONCE,
    floor: pushFloor,
    setup: (registry) => () => {
      const { digest, bytes } = smallBlob()
      return () => registry.pushSingle(digest, [bytes], bytes.length)
    },
  },
  {
    id: 'push-small',
    title: 'push 4 KB (POST, PATCH, PUT)',
    bars: [],
    ...MANY_AT_ONCE,
    floor: pushFloor,
    setup: (registry) => () => {
      const { digest, bytes } = smallBlob()
      return () => registry.pushStreamed(digest, [bytes])
    },
  },
  {
    id: 'manifest-put',
    title: 'manifest PUT',
    bars: [bar(DOCKER_REGISTRY, 1.2)],
    ...MANY_AT_ONCE,
    floor: (floor) => {
      const { mediaType, digest, size } = smallBlob()
      return () => {
        const key = randomUUID()
        const manifest = imageManifest({ mediaType, digest, size }, key)
        return () => floor.putRow(key, manifest)
      }
    },
    setup: async (registry) => {
      const layer = await pushedBlob(registry, smallBlob())
      let count = 0
      return () => {
        const manifest = imageManifest(layer, randomUUID())
        const tag = `latest-${count++ % PUT_TAGS}`
        return () => registry.putManifest(tag, manifest)
      }
    },
  },
  {
    id: 'manifest-get',
    title: 'manifest GET by tag',
    bars: READ_BARS,
    ...MANY_AT_ONCE,
    floor: queryFloor,
    setup: async (registry) => {
      await registry.putManifest('stable', await pushedManifest(registry))
      return () => () => registry.getManifest('stable')
    },
  },
  {
    id: 'blob-head',
    title: 'blob HEAD',
    bars: READ_BARS,
    ...MANY_AT_ONCE,
    floor: queryFloor,
    setup: async (registry) => {
      const { digest } = await pushedBlob(registry, smallBlob())
      return () => () => registry.headBlob(digest)
    },
  },
  {
    id: 'blob-get',
    title: 'blob GET, 4 KB',
    bars: [],
    ...MANY_AT_ONCE,
    floor: async (floor) => {
      const { digest, bytes } = smallBlob()
      const key = randomUUID()
      await floor.putBlob(key, digest, [bytes], SMALL)
      return () => () => floor.getBlob(key, SMALL)
    },
    setup: async (registry) => {
      const blob = await pushedBlob(registry, smallBlob())
      return () => () => registry.pullBlob(blob)
    },
  },
  {
    id: 'tags-list',
    title: `tags list (${TAGS} tags)`,
    bars: [],
    ...MANY_AT_ONCE,
    floor: queryFloor,
    setup: async (client) => {
      // A repository of its own: the other rows leave tags in theirs.
      const registry = client.in(`${client.repository}/tags`)
      await registry.authorize()
      const manifest = await pushedManifest(registry)
      for (let tag = 0; tag < TAGS; tag++) await registry.putManifest(`v1.0.${tag}`, manifest)
      return async () => {
        await registry.authorize()
        return () => registry.listTags(TAGS)
      }
    },
  },
]
