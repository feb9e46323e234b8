/** I2: a push answered 201 is readable at once, by any client and after any crash of the process. */
import { setTimeout as wait } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { startLocal } from '../../src/cli/local.ts'
import {
  type Bytes,
  beginUpload,
  digestOf,
  eventually,
  kill,
  newBytes,
  pulledDigest,
  sendAndLeave,
  temporaryFolder,
} from './support.ts'

const REPOSITORY = 'crash/app'
const PART_BYTES = 5 * 1024 * 1024
const ROUNDS = 3

/** Bytes of images, by what was answered 201: their digests, those of manifests by tag. */
interface Acknowledged {
  blobs: Set<string>
  tags: Map<string, string>
}

async function send(method: string, url: URL, body?: Bytes | string, type?: string) {
  return fetch(url, {
    method,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : body.bytes }),
    headers: type === undefined ? {} : { 'Content-Type': type },
  })
}

async function pushBlob(url: URL, blob: Bytes, way: 'whole' | 'single' | 'streamed') {
  if (way === 'whole') {
    const path = `/v2/${REPOSITORY}/blobs/uploads/?digest=${blob.digest}`
    return (await send('POST', new URL(path, url), blob)).status
  }
  const target = await beginUpload(url, REPOSITORY)
  const closing = new URL(target)
  closing.searchParams.set('digest', blob.digest)
  if (way === 'single') return (await send('PUT', closing, blob)).status
  await send('PATCH', target, blob)
  return (await send('PUT', closing)).status
}

/** Pushes images until the registry is gone, and notes what it had acknowledged by then. */
async function pushUntilGone(url: URL, name: string, acknowledged: Acknowledged): Promise<void> {
  const ways = ['whole', 'single', 'streamed'] as const
  for (let image = 0; ; image++) {
    try {
      const config = newBytes(100)
      const layer = newBytes(image % 4 === 3 ? PART_BYTES + 1000 : 20_000)
      for (const blob of [config, layer]) {
        const status = await pushBlob(url, blob, ways[image % ways.length] ?? 'whole')
        if (status === 201) acknowledged.blobs.add(blob.digest)
      }
      const manifest = manifestOf(config, layer)
      const tag = `${name}-${image}`
      const path = new URL(`/v2/${REPOSITORY}/manifests/${tag}`, url)
      const { status } = await send('PUT', path, manifest, JSON.parse(manifest).mediaType)
      if (status === 201) acknowledged.tags.set(tag, digestOf(Buffer.from(manifest)))
    } catch {
      return
    }
  }
}

function manifestOf(config: Bytes, layer: Bytes): string {
  const descriptor = (mediaType: string, { bytes, digest }: Bytes) => ({
    mediaType,
    digest,
    size: bytes.length,
  })
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: descriptor('application/vnd.oci.image.config.v1+json', config),
    layers: [descriptor('application/vnd.oci.image.layer.v1.tar+gzip', layer)],
  })
}

async function expectReadable(url: URL, { blobs, tags }: Acknowledged): Promise<void> {
  for (const digest of blobs) expect(await pulledDigest(url, REPOSITORY, digest)).toBe(digest)
  for (const [tag, digest] of tags) {
    const response = await fetch(new URL(`/v2/${REPOSITORY}/manifests/${tag}`, url))
    expect(digestOf(Buffer.from(await response.arrayBuffer()))).toBe(digest)
  }
}

it('survives kill -9 at any moment', async () => {
  const state = temporaryFolder()
  const acknowledged: Acknowledged = { blobs: new Set(), tags: new Map() }
  let before = 0
  for (let round = 0; round < ROUNDS; round++) {
    const registry = await startLocal({ state })
    await expectReadable(registry.url, acknowledged)
    const clients = [0, 1, 2].map((client) =>
      pushUntilGone(registry.url, `r${round}-c${client}`, acknowledged),
    )
    await eventually(() => acknowledged.tags.size > before + 5, 'some pushes', 60_000)
    await wait(Math.random() * 200)
    await kill(registry)
    await Promise.all(clients)
    before = acknowledged.tags.size
  }
  const registry = await startLocal({ state })
  await expectReadable(registry.url, acknowledged)
  expect(acknowledged.blobs.size).toBeGreaterThan(ROUNDS * 10)

  await clientsThatLeave(registry.url)
  await registry.stop()
})

/** A client that is gone with its last byte: what it sent took effect whole, or not at all and can be sent again. */
async function clientsThatLeave(url: URL): Promise<void> {
  for (const patched of [0, 1000, PART_BYTES + 1000]) {
    for (const how of ['close', 'reset'] as const) {
      const blob = newBytes(PART_BYTES + 2000)
      const target = await beginUpload(url, REPOSITORY)
      if (patched > 0)
        await fetch(target, { method: 'PATCH', body: blob.bytes.subarray(0, patched) })
      target.searchParams.set('digest', blob.digest)
      const wire = blob.bytes.subarray(patched)
      const headers = {
        'Content-Length': `${wire.length}`,
        'Content-Range': `${patched}-${blob.bytes.length - 1}`,
      }
      await sendAndLeave({ method: 'PUT', target, headers, wire }, how)
      expect(await closeUpload(target, blob.bytes, patched)).toBe(201)
      expect(await pulledDigest(url, REPOSITORY, blob.digest)).toBe(blob.digest)
    }
  }
}

/** Closes an upload of which the first `offset` bytes, or more, came: repeats the request from where the registry says. */
async function closeUpload(target: URL, bytes: Buffer<ArrayBuffer>, offset: number) {
  for (;;) {
    const headers = { 'Content-Range': `${offset}-${bytes.length - 1}` }
    const body = bytes.subarray(offset)
    const response = await fetch(
      target,
      body.length === 0 ? { method: 'PUT' } : { method: 'PUT', headers, body },
    )
    if (response.status !== 416) return response.status
    offset = Number(response.headers.get('Range')?.split('-')[1]) + 1
  }
}
