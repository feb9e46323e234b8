/**
 * Makes the images that the clients push: OCI image layouts (OCI image spec, "Image Layout") filled with random bytes, so that no
 * client and no registry has seen a blob before. Layers are gzip without compression: random bytes would not shrink anyway, and
 * every client passes such a layer on as it is.
 */
import { createHash, randomBytes, randomFillSync } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { $ } from './command.ts'
import { type Content, readLayout } from './content.ts'

export const MEGABYTE = 1_000_000
export const THREE_LAYERS = [60 * MEGABYTE, 60 * MEGABYTE, 60 * MEGABYTE]
export const ONE_LARGE_LAYER = [300 * MEGABYTE]

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const INDEX = 'application/vnd.oci.image.index.v1+json'
const CONFIG = 'application/vnd.oci.image.config.v1+json'
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip'

/** An image (or index) in a layout folder, tagged `v1` there. */
export interface Image {
  /** The layout folder. */
  layout: string
  content: Content
  /** The one file of each layer: its path in the image and the sha256 of its bytes in hex. */
  files: { path: string; sha256: string }[]
}

interface Descriptor {
  mediaType: string
  digest: string
  size: number
  platform?: { os: string; architecture: string }
}

/** An image for linux/amd64 with one layer for each size (bytes of random content). */
export async function makeImage(layout: string, layerSizes: readonly number[]): Promise<Image> {
  await startLayout(layout)
  const { manifest, files } = await addImage(layout, layerSizes, 'amd64')
  return finishLayout(layout, manifest, files)
}

/** An index of two small images, for linux/amd64 and linux/arm64. */
export async function makeIndex(layout: string): Promise<Image> {
  await startLayout(layout)
  const files: Image['files'] = []
  const manifests: Descriptor[] = []
  for (const architecture of ['amd64', 'arm64']) {
    const child = await addImage(layout, [MEGABYTE / 10, MEGABYTE / 10], architecture)
    manifests.push({ ...child.manifest, platform: { os: 'linux', architecture } })
    files.push(...child.files)
  }
  const index = await addJson(layout, INDEX, { schemaVersion: 2, mediaType: INDEX, manifests })
  return finishLayout(layout, index, files)
}

/** A small image by umoci, whose manifests carry no `mediaType` field. */
export async function makeUmociImage(layout: string): Promise<Image> {
  const bytes = randomBytes(MEGABYTE / 10)
  const source = `${layout}.bin`
  await writeFile(source, bytes)
  await $`umoci init --layout ${layout}`
  await $`umoci new --image ${layout}:v1`
  await $`umoci insert --image ${layout}:v1 ${source} /layer-1.bin`
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return { layout, content: await readLayout(layout), files: [{ path: 'layer-1.bin', sha256 }] }
}

async function startLayout(layout: string): Promise<void> {
  await mkdir(join(layout, 'blobs/sha256'), { recursive: true })
  await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
}

async function finishLayout(
  layout: string,
  root: Descriptor,
  files: Image['files'],
): Promise<Image> {
  const annotations = { 'org.opencontainers.image.ref.name': 'v1' }
  const index = { schemaVersion: 2, mediaType: INDEX, manifests: [{ ...root, annotations }] }
  await writeFile(join(layout, 'index.json'), JSON.stringify(index))
  return { layout, content: await readLayout(layout), files }
}

async function addImage(
  layout: string,
  layerSizes: readonly number[],
  architecture: string,
): Promise<{ manifest: Descriptor; files: Image['files'] }> {
  const files: Image['files'] = []
  const layers: Descriptor[] = []
  const diffIds: string[] = []
  for (const [index, size] of layerSizes.entries()) {
    const path = `layer-${index + 1}.bin`
    const layer = await addLayer(layout, path, size)
    layers.push(layer.descriptor)
    diffIds.push(layer.diffId)
    files.push({ path, sha256: layer.sha256 })
  }
  const config = await addJson(layout, CONFIG, {
    created: '2026-01-01T00:00:00Z',
    architecture,
    os: 'linux',
    config: { Cmd: ['/layer-1.bin'] },
    rootfs: { type: 'layers', diff_ids: diffIds },
    history: diffIds.map(() => ({ created: '2026-01-01T00:00:00Z', created_by: 'random bytes' })),
  })
  const content = { schemaVersion: 2, mediaType: MANIFEST, config, layers }
  return { manifest: await addJson(layout, MANIFEST, content), files }
}

async function addJson(layout: string, mediaType: string, value: unknown): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify(value))
  const hex = createHash('sha256').update(bytes).digest('hex')
  await writeFile(join(layout, 'blobs/sha256', hex), bytes)
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length }
}

async function addLayer(
  layout: string,
  path: string,
  size: number,
): Promise<{ descriptor: Descriptor; diffId: string; sha256: string }> {
  const file = createHash('sha256')
  const tar = createHash('sha256')
  const blob = createHash('sha256')
  let length = 0
  const unfinished = join(layout, 'layer.partial')
  await pipeline(
    Readable.from(tarOfRandomBytes(path, size, (chunk) => file.update(chunk))),
    async function* (source: AsyncIterable<Buffer>) {
      for await (const chunk of source) {
        tar.update(chunk)
        yield chunk
      }
    },
    createGzip({ level: 0, chunkSize: 1 << 20 }),
    async function* (source: AsyncIterable<Buffer>) {
      for await (const chunk of source) {
        blob.update(chunk)
        length += chunk.length
        yield chunk
      }
    },
    createWriteStream(unfinished),
  )
  const hex = blob.digest('hex')
  await rename(unfinished, join(layout, 'blobs/sha256', hex))
  return {
    descriptor: { mediaType: LAYER, digest: `sha256:${hex}`, size: length },
    diffId: `sha256:${tar.digest('hex')}`,
    sha256: file.digest('hex'),
  }
}

/** A tar archive (POSIX ustar) of one file of random bytes, in pieces of at most 1 MiB. */
function* tarOfRandomBytes(
  path: string,
  size: number,
  onContent: (chunk: Buffer) => void,
): Generator<Buffer> {
  const header = Buffer.alloc(512)
  header.write(path, 0)
  header.write('0000644\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124)
  header.write('00000000000\0', 136)
  header.write('        0', 148)
  header.write('ustar\x0000', 257)
  const checksum = header.reduce((sum, byte) => sum + byte, 0)
  header.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148)
  yield header
  for (let left = size; left > 0; left -= 1 << 20) {
    const chunk = randomFillSync(Buffer.allocUnsafe(Math.min(left, 1 << 20)))
    onContent(chunk)
    yield chunk
  }
  yield Buffer.alloc(((512 - (size % 512)) % 512) + 1024)
}
