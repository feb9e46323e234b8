/**
 * The rows of the benchmark as data. Each names what a registry does and what the floor does for the same result; to add a row,
 * add an entry. A row is set up once for each subject, then `prepare` makes a fresh operation before every sample, outside of
 * the time that counts: random bytes, digests, blobs that must exist.
 */
import { randomBytes, randomFillSync, randomUUID } from 'node:crypto'
import type { FloorClient } from './floor.ts'
import { slices } from './http.ts'
import {
  type Descriptor,
  imageManifest,
  LAYER_TYPE,
  type RegistryClient,
  sha256,
} from './registry-client.ts'

export type Operation = () => Promise<void>
type Prepare = () => Operation | Promise<Operation>
type Setup<Client> = (client: Client) => Prepare | Promise<Prepare>

export interface Row {
  /** For `--only` and the JSON. */
  id: string
  title: string
  /** Most that Berth may take, as a multiple of the floor. */
  bar?: number
  /** Samples, when `--runs` names no other number. */
  runs: number
  /** Operations in a sample, one after the other: a single small request is too short to time. */
  batch: number
  floor: Setup<FloorClient>
  registry: Setup<RegistryClient>
}

const LARGE = 64 * 1024 * 1024
const SMALL = 4 * 1024
const CHUNK = 10 * 1024 * 1024
const TAGS = 100

const LARGE_SAMPLES = { runs: 9, batch: 1 }
const SMALL_SAMPLES = { runs: 15, batch: 20 }

interface Blob extends Descriptor {
  bytes: Buffer
}

const large = Buffer.alloc(LARGE)

/** Fresh random bytes in one buffer: subjects take turns, so no operation still reads the bytes before. */
function largeBlob(): Blob {
  return describe(randomFillSync(large))
}

function smallBlob(): Blob {
  return describe(randomBytes(SMALL))
}

function describe(bytes: Buffer): Blob {
  return { mediaType: LAYER_TYPE, digest: sha256(bytes), size: bytes.length, bytes }
}

function floorPush(blob: () => Blob): Setup<FloorClient> {
  return (floor) => () => {
    const { digest, bytes } = blob()
    return () => floor.putBlob(randomUUID(), digest, slices(bytes), bytes.length)
  }
}

async function pushedBlob(registry: RegistryClient, blob: Blob): Promise<Blob> {
  await registry.pushSingle(blob.digest, slices(blob.bytes), blob.size)
  return blob
}

async function storedKey(floor: FloorClient): Promise<string> {
  const { digest, bytes } = largeBlob()
  const key = randomUUID()
  await floor.putBlob(key, digest, slices(bytes), bytes.length)
  return key
}

const floorQuery: Setup<FloorClient> = (floor) => () => () => floor.getRow()

export const ROWS: readonly Row[] = [
  {
    id: 'push-single',
    title: 'push 64 MB, single',
    bar: 1.15,
    ...LARGE_SAMPLES,
    floor: floorPush(largeBlob),
    registry: (registry) => () => {
      const { digest, bytes, size } = largeBlob()
      return () => registry.pushSingle(digest, slices(bytes), size)
    },
  },
  {
    id: 'push-streamed',
    title: 'push 64 MB, streamed',
    bar: 1.3,
    ...LARGE_SAMPLES,
    floor: floorPush(largeBlob),
    registry: (registry) => () => {
      const { digest, bytes } = largeBlob()
      return () => registry.pushStreamed(digest, slices(bytes))
    },
  },
  {
    id: 'push-chunked',
    title: 'push 64 MB, 10 MB chunks',
    bar: 1.4,
    ...LARGE_SAMPLES,
    floor: floorPush(largeBlob),
    registry: (registry) => () => {
      const { digest, bytes } = largeBlob()
      return () => registry.pushChunked(digest, bytes, CHUNK)
    },
  },
  {
    id: 'push-small',
    title: 'push 4 KB (POST, PATCH, PUT)',
    ...SMALL_SAMPLES,
    floor: floorPush(smallBlob),
    registry: (registry) => () => {
      const { digest, bytes } = smallBlob()
      return () => registry.pushStreamed(digest, [bytes])
    },
  },
  {
    id: 'pull-first',
    title: 'pull 64 MB, first time',
    runs: 5,
    batch: 1,
    floor: (floor) => async () => {
      const key = await storedKey(floor)
      return () => floor.getBlob(key, LARGE)
    },
    registry: (registry) => async () => {
      const blob = await pushedBlob(registry, largeBlob())
      return () => registry.pullBlob(blob)
    },
  },
  {
    id: 'pull',
    title: 'pull 64 MB, again',
    ...LARGE_SAMPLES,
    floor: async (floor) => {
      const key = await storedKey(floor)
      return () => () => floor.getBlob(key, LARGE)
    },
    registry: async (registry) => {
      const blob = await pushedBlob(registry, largeBlob())
      return () => () => registry.pullBlob(blob)
    },
  },
  {
    id: 'manifest-put',
    title: 'manifest PUT',
    ...SMALL_SAMPLES,
    floor: async (floor) => {
      const { mediaType, digest, size } = smallBlob()
      return () => {
        const key = randomUUID()
        const manifest = imageManifest({ mediaType, digest, size }, key)
        return () => floor.putRow(key, manifest)
      }
    },
    registry: async (registry) => {
      const { mediaType, digest, size } = await pushedBlob(registry, smallBlob())
      return () => {
        const manifest = imageManifest({ mediaType, digest, size }, randomUUID())
        return () => registry.putManifest('latest', manifest)
      }
    },
  },
  {
    id: 'manifest-get',
    title: 'manifest GET by tag',
    ...SMALL_SAMPLES,
    floor: floorQuery,
    registry: async (registry) => {
      const { mediaType, digest, size } = await pushedBlob(registry, smallBlob())
      await registry.putManifest('stable', imageManifest({ mediaType, digest, size }, randomUUID()))
      return () => () => registry.getManifest('stable')
    },
  },
  {
    id: 'blob-head',
    title: 'blob HEAD',
    ...SMALL_SAMPLES,
    floor: floorQuery,
    registry: async (registry) => {
      const { digest } = await pushedBlob(registry, smallBlob())
      return () => () => registry.headBlob(digest)
    },
  },
  {
    id: 'tags-list',
    title: `tags list (${TAGS} tags)`,
    ...SMALL_SAMPLES,
    floor: floorQuery,
    registry: async (client) => {
      // A repository of its own: the other rows leave tags in theirs.
      const registry = client.in(`${client.repository}/tags`)
      await registry.authorize()
      const { mediaType, digest, size } = await pushedBlob(registry, smallBlob())
      const manifest = imageManifest({ mediaType, digest, size }, randomUUID())
      for (let tag = 0; tag < TAGS; tag++) await registry.putManifest(`v1.0.${tag}`, manifest)
      return async () => {
        await registry.authorize()
        return () => registry.listTags(TAGS)
      }
    },
  },
]
