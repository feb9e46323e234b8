/** Whole images, pushed and pulled by docker and by containerd's ctr: cold from R2, warm from the edge cache. */
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { $ } from '../clients/command.ts'
import type { Containerd } from '../clients/containerd.ts'
import type { Docker } from '../clients/docker-engine.ts'
import { type Image, MEGABYTE, makeImage, THREE_LAYERS } from '../clients/images.ts'
import { CACHE_FILL_MS } from './large-rows.ts'
import type { Operation, Row } from './row.ts'

export interface ImageClient {
  docker: Docker
  containerd: Containerd
  /** Where images are made. */
  folder: string
  /** `host:port` of the registry. */
  host: string
}

const TWELVE_LAYERS = Array.from({ length: 12 }, () => 15 * MEGABYTE)
const SAMPLES = { bars: [], runs: 5, batch: 1, concurrent: false }

/** Makes an image unlike any before, and deletes its files after use. */
async function withImage<T>(
  { folder, host }: ImageClient,
  layers: readonly number[],
  use: (image: Image, repository: string) => Promise<T>,
): Promise<T> {
  const name = `image-${randomUUID()}`
  const layout = join(folder, name)
  const image = await makeImage(layout, layers)
  try {
    return await use(image, `${host}/bench/${name}`)
  } finally {
    await rm(layout, { recursive: true, force: true })
    await rm(`${layout}.tar`, { force: true })
  }
}

/** A new image in the registry that no client here has; returns its repository. */
function pushedImage(client: ImageClient, layers: readonly number[]): Promise<string> {
  return withImage(client, layers, async ({ layout }, repository) => {
    const options = ['--quiet', '--dest-tls-verify=false']
    await $`skopeo copy ${options} oci:${layout}:v1 docker://${repository}:v1`
    return repository
  })
}

/** docker's images are removed before the next is made: each takes three times its size. */
async function emptied({ docker }: ImageClient): Promise<void> {
  const ids = (await docker.run`docker image ls --all --quiet`).stdout.split('\n').filter(Boolean)
  if (ids.length > 0) await docker.run`docker rmi -f ${[...new Set(ids)]}`
}

async function dockerPull(client: ImageClient, repository: string): Promise<Operation> {
  await emptied(client)
  return async () => {
    await client.docker.run`docker pull --quiet ${repository}:v1`
  }
}

/** Fetches into a namespace of its own, which has none of the layers. */
function ctrFetch({ containerd }: ImageClient, repository: string): Operation {
  const ctr = containerd.ctr(`puller-${randomUUID()}`)
  return async () => {
    await $`${ctr} content fetch --plain-http ${repository}:v1`
  }
}

/** Pulls twice: then whatever the edge caches is cached. */
async function warmed(prepare: () => Promise<Operation>): Promise<void> {
  for (let pull = 1; pull <= 2; pull++) {
    const operation = await prepare()
    await operation()
    await wait(CACHE_FILL_MS)
  }
}

export const IMAGE_ROWS: readonly Row<ImageClient>[] = [
  {
    id: 'docker-push',
    title: 'docker push, 3 x 60 MB',
    ...SAMPLES,
    setup: (client) => async () => {
      await emptied(client)
      const reference = await withImage(client, THREE_LAYERS, async (image, repository) => {
        await client.docker.load(image, `${repository}:v1`)
        return `${repository}:v1`
      })
      return async () => {
        await client.docker.push(reference)
      }
    },
  },
  {
    id: 'docker-pull-cold',
    title: 'docker pull, 3 x 60 MB, cold',
    ...SAMPLES,
    setup: (client) => async () => dockerPull(client, await pushedImage(client, THREE_LAYERS)),
  },
  {
    id: 'docker-pull-warm',
    title: 'docker pull, 3 x 60 MB, warm',
    ...SAMPLES,
    setup: async (client) => {
      const repository = await pushedImage(client, THREE_LAYERS)
      await warmed(() => dockerPull(client, repository))
      return () => dockerPull(client, repository)
    },
  },
  {
    id: 'ctr-push',
    title: 'ctr push, 12 x 15 MB at once',
    ...SAMPLES,
    setup: (client) => () =>
      withImage(client, TWELVE_LAYERS, async (image, repository) => {
        const namespace = `pusher-${randomUUID()}`
        await client.containerd.load(namespace, image, repository)
        return async () => {
          await $`${client.containerd.ctr(namespace)} images push --plain-http ${repository}:v1`
        }
      }),
  },
  {
    id: 'ctr-pull-cold',
    title: 'ctr fetch, 12 x 15 MB at once, cold',
    ...SAMPLES,
    setup: (client) => async () => ctrFetch(client, await pushedImage(client, TWELVE_LAYERS)),
  },
  {
    id: 'ctr-pull-warm',
    title: 'ctr fetch, 12 x 15 MB at once, warm',
    ...SAMPLES,
    setup: async (client) => {
      const repository = await pushedImage(client, TWELVE_LAYERS)
      await warmed(async () => ctrFetch(client, repository))
      return () => ctrFetch(client, repository)
    },
  },
]
