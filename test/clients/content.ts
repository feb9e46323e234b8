/**
 * What an image consists of, as digests, read from an OCI layout, from skopeo's `dir:` folder or from the registry itself by
 * plain requests. Reading checks every byte: each blob is hashed and must have the digest and the size that names it.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The digests of one manifest: an image's config and layers, or an index's children. */
export interface Content {
  manifest: string
  config?: string
  layers?: string[]
  children?: Content[]
}

interface Descriptor {
  digest: string
  size: number
}

interface Manifest {
  mediaType?: string
  config?: Descriptor
  layers?: Descriptor[]
  manifests?: Descriptor[]
}

/** Where blobs and manifests come from. */
interface Source {
  manifest(digest: string): Promise<Buffer>
  blob(digest: string): AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>
}

/** Every type a manifest may have here, as one Accept value. */
export const ACCEPT = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')

/** Reads the first (or only) image of an OCI layout folder. */
export async function readLayout(layout: string): Promise<Content> {
  const index: Manifest = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8'))
  const root = index.manifests?.[0]
  if (root === undefined) throw new Error(`${layout} holds no image`)
  const path = (digest: string) => join(layout, 'blobs', digest.replace(':', '/'))
  return readContent(root.digest, {
    manifest: (digest) => readFile(path(digest)),
    blob: (digest) => createReadStream(path(digest)),
  })
}

/** Reads what skopeo wrote to `dir:`: blobs by hex, the root manifest as manifest.json, children as <hex>.manifest.json. */
export async function readDir(dir: string): Promise<Content> {
  const root = await readFile(join(dir, 'manifest.json'))
  const rootDigest = digestOf(root)
  const hex = (digest: string) => digest.slice('sha256:'.length)
  return readContent(rootDigest, {
    manifest: async (digest) =>
      digest === rootDigest ? root : readFile(join(dir, `${hex(digest)}.manifest.json`)),
    blob: (digest) => createReadStream(join(dir, hex(digest))),
  })
}

/** Reads an image from the registry by its own requests, whatever client pushed it. */
export async function readRegistry(
  host: string,
  repository: string,
  reference: string,
): Promise<Content> {
  const base = `http://${host}/v2/${repository}`
  const get = async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${base}/${path}`, { headers })
    if (response.status === 200) return response
    throw new Error(`GET ${base}/${path}: ${response.status} ${await response.text()}`)
  }
  const head = await get(`manifests/${reference}`, { accept: ACCEPT })
  const digest = digestOf(Buffer.from(await head.arrayBuffer()))
  const announced = head.headers.get('docker-content-digest')
  if (announced !== digest) throw new Error(`${reference} is ${digest}, announced as ${announced}`)
  return readContent(digest, {
    manifest: async (wanted) =>
      Buffer.from(await (await get(`manifests/${wanted}`, { accept: ACCEPT })).arrayBuffer()),
    blob: async (wanted) => (await get(`blobs/${wanted}`)).body ?? new ReadableStream(),
  })
}

async function readContent(digest: string, source: Source): Promise<Content> {
  const bytes = await source.manifest(digest)
  if (digestOf(bytes) !== digest) throw new Error(`manifest ${digest} hashes to ${digestOf(bytes)}`)
  const manifest: Manifest = JSON.parse(bytes.toString())
  const content: Content = { manifest: digest }
  if (manifest.manifests !== undefined) {
    content.children = []
    for (const child of manifest.manifests) {
      content.children.push(await readContent(child.digest, source))
    }
  }
  if (manifest.config !== undefined) {
    await checkBlob(manifest.config, source)
    content.config = manifest.config.digest
  }
  if (manifest.layers !== undefined) {
    for (const layer of manifest.layers) await checkBlob(layer, source)
    content.layers = manifest.layers.map((layer) => layer.digest)
  }
  return content
}

async function checkBlob(descriptor: Descriptor, source: Source): Promise<void> {
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of await source.blob(descriptor.digest)) {
    hash.update(chunk)
    size += chunk.length
  }
  const digest = `sha256:${hash.digest('hex')}`
  if (digest !== descriptor.digest || size !== descriptor.size) {
    const { digest: wanted, size: length } = descriptor
    throw new Error(`blob ${wanted} of ${length} bytes came as ${digest} of ${size} bytes`)
  }
}

/** The sha256 digest of bytes. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** The sha256 of a file in hex. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return hash.digest('hex')
}
