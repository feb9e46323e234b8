/** A state folder of the first version opens, is brought up to date, and works as a new one does. */
import { readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type LocalRegistry, startLocal } from '../../src/cli/local.ts'
import { type FirstState, imageManifest, MANIFEST_TYPE, makeFirstState } from './first-state.ts'
import { type Bytes, databaseRows, newBytes, stateFolder } from './support.ts'

const PASSWORD = 'the first password'
const HEADERS = { Authorization: `Basic ${btoa(`admin:${PASSWORD}`)}` }

const folder = stateFolder()
let first: FirstState
let registry: LocalRegistry

beforeAll(async () => {
  first = await makeFirstState(folder.path)
  const vars = { OPEN_ACCESS: 'false', ADMIN_PASSWORD: PASSWORD, LOG_REQUESTS: 'false' }
  registry = await startLocal({ state: folder.path, vars })
})
afterAll(async () => {
  await registry?.stop()
  await folder.remove()
})

const rows = (sql: string) => databaseRows(folder.path, sql)

async function request(method: string, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { ...HEADERS, ...init.headers }
  return fetch(new URL(path, registry.url), { ...init, method, headers })
}

async function pull(path: string): Promise<Buffer> {
  const response = await request('GET', `/v2/${first.repository}/${path}`)
  expect(response.status).toBe(200)
  return Buffer.from(await response.arrayBuffer())
}

async function pushBlob({ bytes, digest }: Bytes): Promise<void> {
  const path = `/v2/${first.repository}/blobs/uploads/?digest=${digest}`
  const response = await request('POST', path, { body: bytes })
  expect(response.status).toBe(201)
}

async function pushManifest(tag: string, { bytes }: Bytes): Promise<void> {
  const response = await request('PUT', `/v2/${first.repository}/manifests/${tag}`, {
    headers: { 'Content-Type': MANIFEST_TYPE },
    body: bytes,
  })
  expect(response.status).toBe(201)
}

it('an old state gets each migration once', () => {
  const migrations = readdirSync(resolve(import.meta.dirname, '../../migrations')).sort()
  const applied = rows('SELECT name FROM d1_migrations ORDER BY id').map(({ name }) => name)
  expect(applied).toEqual(migrations)
  // The first files made it: they have one trigger for all three tables.
  expect(rows(`SELECT 1 FROM sqlite_schema WHERE name = 'webhooks_deleted'`)).toHaveLength(1)
})

it('an old state serves its content', async () => {
  const { layer, manifest, largeManifest } = first
  expect(await pull('manifests/old')).toEqual(manifest.bytes)
  expect(await pull(`manifests/${largeManifest.digest}`)).toEqual(largeManifest.bytes)
  expect(await pull('manifests/large')).toEqual(largeManifest.bytes)
  expect(await pull(`blobs/${layer.digest}`)).toEqual(layer.bytes)
})

it('an old state accepts new pushes, even of images that share a layer with old ones', async () => {
  const { layer, manifest } = first
  const added = newBytes(5000)
  await pushBlob(added)
  await pushBlob(layer)
  const image = imageManifest(added, layer, 'new')
  await pushManifest('new', image)
  await pushManifest('old', image)
  expect(await pull('manifests/new')).toEqual(image.bytes)
  expect(await pull('manifests/old')).toEqual(image.bytes)
  expect(await pull(`manifests/${manifest.digest}`)).toEqual(manifest.bytes)
  expect(await pull(`blobs/${added.digest}`)).toEqual(added.bytes)
  expect(await pull(`blobs/${layer.digest}`)).toEqual(layer.bytes)
  const history = rows(`SELECT digest FROM tag_history WHERE name = 'old' ORDER BY id`)
  expect(history.map(({ digest }) => digest)).toEqual([manifest.digest, image.digest])
})

it('an old state deletes a webhook with everything stored about it', async () => {
  const [deleted, kept] = first.webhooks
  const response = await request('DELETE', `/api/v1/webhooks/${deleted}`)
  expect(response.status).toBe(204)
  for (const table of ['endpoint_states', 'deliveries', 'dead_letters']) {
    expect(rows(`SELECT endpoint FROM ${table}`)).toEqual([{ endpoint: kept }])
  }
})

it('an old state deletes old images and an old blob, and buries their bytes', async () => {
  const { repository, layer } = first
  const manifests = rows('SELECT DISTINCT manifest_digest AS digest FROM manifest_blobs')
  for (const { digest } of manifests) {
    const response = await request('DELETE', `/v2/${repository}/manifests/${digest}`)
    expect(response.status).toBe(202)
  }
  const response = await request('DELETE', `/v2/${repository}/blobs/${layer.digest}`)
  expect(response.status).toBe(202)
  const buried = rows('SELECT storage_key AS key FROM tombstones').map(({ key }) => key)
  expect(buried).toEqual(expect.arrayContaining(Object.values(first.storageKeys)))
})
