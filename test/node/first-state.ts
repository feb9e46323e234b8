/**
 * A state folder as the first version left it: its migrations applied by Wrangler, storage keys that begin with the kind of object
 * instead of the registry's id, an image, a manifest in R2, and two webhooks with deliveries.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { unstable_getMiniflareWorkerOptions } from 'wrangler'
import { type Bytes, digestOf, newBytes } from './support.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const run = promisify(execFile)
type Database = Awaited<ReturnType<Miniflare['getD1Database']>>
type Bucket = Awaited<ReturnType<Miniflare['getR2Bucket']>>

export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'

const DAY = '2026-11-20'
const MADE_AT = Date.parse(DAY)
/** No delivery is tried while a test runs. */
const NEVER = Date.parse('2100-01-01')

export interface FirstState {
  repository: string
  layer: Bytes
  /** Tagged `old`, and in its row. */
  manifest: Bytes
  /** Tagged `large`, and in R2. */
  largeManifest: Bytes
  storageKeys: { layer: string; largeManifest: string }
  /** Webhooks, each with a state, a delivery and a dead letter. */
  webhooks: [string, string]
}

/** A manifest of a config and a layer. A title makes it another one. */
export function imageManifest(config: Bytes, layer: Bytes, title: string): Bytes {
  const descriptor = (kind: string, { bytes, digest }: Bytes) => ({
    mediaType: `application/vnd.oci.image.${kind}`,
    digest,
    size: bytes.length,
  })
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: descriptor('config.v1+json', config),
    layers: [descriptor('layer.v1.tar', layer)],
    annotations: { 'org.opencontainers.image.title': title },
  }
  const bytes = Buffer.from(JSON.stringify(manifest))
  return { bytes, digest: digestOf(bytes) }
}

/** @param state an empty folder */
export async function makeFirstState(state: string): Promise<FirstState> {
  await applyFirstMigrations(state)
  const configured = unstable_getMiniflareWorkerOptions(join(ROOT, 'wrangler.toml'))
  const { modulesRules: _nothingBuilt, ...workerOptions } = configured.workerOptions
  // Nothing runs in it: only its bucket and its database are wanted.
  const worker = {
    ...workerOptions,
    name: 'berth',
    modules: true,
    script: 'export default { fetch: () => new Response() }',
    durableObjects: {},
    queueConsumers: {},
  }
  const { workers } = convertV4MiniflareOptions({ workers: [worker] })
  const miniflare = new Miniflare({ resourcePersistencePath: join(state, 'v3'), workers })
  try {
    return await fill(await miniflare.getD1Database('DB'), await miniflare.getR2Bucket('BUCKET'))
  } finally {
    await miniflare.dispose()
  }
}

/** As `npm start` applies them, but from the files as they were. */
async function applyFirstMigrations(state: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-test-'))
  try {
    const config = join(folder, 'wrangler.toml')
    const settings = await readFile(join(ROOT, 'wrangler.toml'), 'utf8')
    const migrations = join(ROOT, 'test/fixtures/first-migrations')
    await writeFile(
      config,
      settings.replace(/^migrations_dir = .*$/m, `migrations_dir = "${migrations}"`),
    )
    const wrangler = join(ROOT, 'node_modules/wrangler/bin/wrangler.js')
    const apply = ['d1', 'migrations', 'apply', 'DB', '--local', '--persist-to', state]
    const env = { ...process.env, WRANGLER_SEND_METRICS: 'false', CI: 'true' }
    await run(process.execPath, [wrangler, ...apply, '--config', config], { cwd: folder, env })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function fill(db: Database, bucket: Bucket): Promise<FirstState> {
  const layer = newBytes(100_000)
  const manifestOf = (title: string) => imageManifest(layer, layer, title)
  const made: FirstState = {
    repository: 'team/old',
    layer,
    manifest: manifestOf('old'),
    largeManifest: manifestOf('x'.repeat(70_000)),
    storageKeys: {
      layer: `blobs/${DAY}/${crypto.randomUUID()}`,
      largeManifest: `manifests/${DAY}/${crypto.randomUUID()}`,
    },
    webhooks: ['7f1c0b52-6d0e-4a8e-9d0c-0e6f3b1f8a01', '7f1c0b52-6d0e-4a8e-9d0c-0e6f3b1f8a02'],
  }
  await bucket.put(made.storageKeys.layer, layer.bytes)
  await bucket.put(made.storageKeys.largeManifest, made.largeManifest.bytes)
  const add = (table: string, row: Record<string, string | number | null>) => {
    const columns = Object.keys(row)
    const sql = `INSERT INTO ${table} (${columns}) VALUES (${columns.map(() => '?')})`
    return db.prepare(sql).bind(...Object.values(row))
  }
  const addManifest = ({ bytes, digest }: Bytes, tag: string, storage_key: string | null) => {
    const inRepository = { repository_id: 1 }
    const stored = { payload: storage_key === null ? bytes.toString() : null, storage_key }
    const times = { created_at: MADE_AT, pushed_at: MADE_AT }
    const fields = { digest, media_type: MANIFEST_TYPE, size: bytes.length, ...stored, ...times }
    const reference = { manifest_digest: digest, blob_digest: layer.digest }
    return [
      add('manifests', { ...inRepository, ...fields }),
      add('manifest_blobs', { ...inRepository, ...reference }),
      add('tags', { ...inRepository, name: tag, digest, updated_at: MADE_AT }),
    ]
  }
  await db.batch([
    add('repositories', { id: 1, name: made.repository, created_at: MADE_AT }),
    add('blobs', {
      digest: layer.digest,
      size: layer.bytes.length,
      storage_key: made.storageKeys.layer,
      created_at: MADE_AT,
    }),
    add('repository_blobs', { repository_id: 1, digest: layer.digest, linked_at: MADE_AT }),
    ...addManifest(made.manifest, 'old', null),
    ...addManifest(made.largeManifest, 'large', made.storageKeys.largeManifest),
    ...made.webhooks.flatMap((endpoint) => webhookRows(endpoint, add)),
  ])
  return made
}

/** A webhook that wants no event of a test, and what was kept about it. */
function webhookRows<Statement>(
  endpoint: string,
  add: (table: string, row: Record<string, string | number | null>) => Statement,
): Statement[] {
  const name = `hook-${endpoint.slice(-2)}`
  const config = JSON.stringify({ name, url: 'http://127.0.0.1:1/', repositories: ['elsewhere'] })
  const delivery = {
    endpoint,
    event_id: crypto.randomUUID(),
    action: 'push',
    repository: 'elsewhere',
    attempts: 1,
    first_at: MADE_AT,
    updated_at: MADE_AT,
  }
  const pending = { ...delivery, state: 'pending', event: '{}', next_at: NEVER }
  const deadLetter = { endpoint, event_id: crypto.randomUUID(), event: '{}', at: MADE_AT }
  return [
    add('webhooks', { id: endpoint, name, config, created_at: MADE_AT, updated_at: MADE_AT }),
    add('endpoint_states', { endpoint, failures: 1, updated_at: MADE_AT }),
    add('deliveries', pending),
    add('dead_letters', { ...deadLetter, error: 'the answer is 500', attempts: 9 }),
  ]
}
