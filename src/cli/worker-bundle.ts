/**
 * The Worker in one module, and the options of wrangler.toml as Miniflare takes them. Building takes seconds, so the result is stored in
 * `.wrangler/` and is used again until a source changes.
 */
import { execFile } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { V4WorkerOptionsShape } from 'miniflare'
import { ROOT } from './root.ts'

const run = promisify(execFile)

/** The build renders the documents too: src/docs/site/. */
const DOCUMENTS = join(ROOT, '.wrangler/docs')
const STORED = join(ROOT, '.wrangler/berth-worker.json')

/** Files and folders that the bundle and the documents are made of. The lock file stands for the libraries. */
const SOURCES = ['src', 'README.md', 'wrangler.toml', 'package-lock.json', 'tsconfig.json']

export interface WorkerBundle {
  script: string
  /** Without the script, and without variables that wrangler.toml does not have. */
  options: V4WorkerOptionsShape
}

let found: Promise<WorkerBundle> | undefined

/**
 * The stored bundle, or a new one. All registries of a process share it. `onBuild` is called before a build.
 * @throws if the Worker does not build; the message is that of wrangler
 */
export function workerBundle(onBuild?: () => void): Promise<WorkerBundle> {
  found ??= findOrBuild(onBuild)
  return found
}

async function findOrBuild(onBuild: (() => void) | undefined): Promise<WorkerBundle> {
  const key = await keyOfSources()
  const stored = await readStored()
  if (stored?.key === key && existsSync(DOCUMENTS)) return stored.bundle
  onBuild?.()
  const bundle = await build()
  await store({ key, hash: hashOf(bundle), bundle })
  return bundle
}

function hashOf(bundle: WorkerBundle): string {
  return createHash('sha256').update(JSON.stringify(bundle)).digest('hex')
}

async function keyOfSources(): Promise<string> {
  const hash = createHash('sha256')
  for (const source of SOURCES) {
    for (const path of await filesBelow(source)) {
      const bytes = await readFile(join(ROOT, path))
      hash.update(`${path} ${bytes.length}\n`).update(bytes)
    }
  }
  return hash.digest('hex')
}

/** The path itself if it is a file. */
async function filesBelow(path: string): Promise<string[]> {
  try {
    const entries = await readdir(join(ROOT, path), { recursive: true, withFileTypes: true })
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
      .sort()
  } catch {
    return [path]
  }
}

interface Stored {
  key: string
  /** The hash of the bundle: the disk may have been full. */
  hash: string
  bundle: WorkerBundle
}

/** Null if nothing is stored, or the file is damaged. */
async function readStored(): Promise<Stored | null> {
  try {
    const stored: Stored = JSON.parse(await readFile(STORED, 'utf8'))
    return stored.hash === hashOf(stored.bundle) ? stored : null
  } catch {
    return null
  }
}

/** Several processes may do it at the same time, so the file appears whole. */
async function store(stored: Stored): Promise<void> {
  const written = `${STORED}.${randomUUID()}`
  await mkdir(join(ROOT, '.wrangler'), { recursive: true })
  await writeFile(written, JSON.stringify(stored))
  await rename(written, STORED)
}

async function build(): Promise<WorkerBundle> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-'))
  try {
    await wrangler('deploy', '--dry-run', '--outdir', folder)
    const script = await readFile(join(folder, 'index.js'), 'utf8')
    return { script, options: await readOptions() }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function readOptions(): Promise<WorkerBundle['options']> {
  const { unstable_getMiniflareWorkerOptions, unstable_readConfig } = await import('wrangler')
  const config = unstable_readConfig({ config: join(ROOT, 'wrangler.toml') })
  const { workerOptions } = unstable_getMiniflareWorkerOptions(config)
  // documents.ts serves the files of the binding ASSETS.
  const { modulesRules: _bundled, assets: _served, ...options } = workerOptions
  // wrangler adds the variables of .dev.vars and .env: secrets, and not sources.
  return { ...options, bindings: config.vars }
}

async function wrangler(...args: string[]): Promise<void> {
  const command = join(ROOT, 'node_modules/wrangler/bin/wrangler.js')
  const env = { ...process.env, WRANGLER_SEND_METRICS: 'false', CI: 'true' }
  await run(process.execPath, [command, ...args], { cwd: ROOT, env })
}
