/**
 * A registry on this machine: the deployed Worker in Miniflare, with embedded R2, D1 and Durable Objects that store their data in a folder.
 * Miniflare listens for requests itself, without the development proxy of `wrangler dev`.
 */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { unstable_getMiniflareWorkerOptions } from 'wrangler'
import type { SettingVariables } from '../http/middleware/setting-names.ts'
import { EVERY_HOUR, EVERY_MINUTE } from '../maintenance/cron.ts'
import { serveDocument } from './documents.ts'
import { lockState } from './state-lock.ts'

const HOST = '127.0.0.1'
const ROOT = resolve(import.meta.dirname, '../..')
const run = promisify(execFile)

/** Variables that are meant only for a registry on one's own machine. */
const LOCAL_VARS = { OPEN_ACCESS: 'true', ALLOW_LOOPBACK: 'true' } satisfies SettingVariables

export interface LocalOptions {
  /** 0, the default, takes any free port. */
  port?: number
  /** The folder that stores everything pushed. It is created if missing. */
  state: string
  /** Variables that add to those of wrangler.toml and override them. */
  vars?: Record<string, string>
  /** Milliseconds between two sweeps of the outbox. The default is a minute, like Cloudflare's cron; tests use less. */
  sweepMs?: number
}

export interface LocalRegistry {
  url: URL
  stop(): Promise<void>
}

/**
 * Starts a registry on 127.0.0.1. Everyone who can reach it may use it, unless the variables say otherwise.
 * @throws if the Worker does not build, a migration fails, the port is in use, or another registry uses the folder
 */
export async function startLocal(options: LocalOptions): Promise<LocalRegistry> {
  const state = resolve(options.state)
  await mkdir(state, { recursive: true })
  const unlock = lockState(state)
  try {
    const registry = await startIn(state, options)
    const stop = () => registry.stop().finally(unlock)
    return { url: registry.url, stop }
  } catch (error) {
    unlock()
    throw error
  }
}

async function startIn(state: string, options: LocalOptions): Promise<LocalRegistry> {
  const { port = 0, vars = {}, sweepMs = 60_000 } = options
  // Checked first: building takes seconds, and Miniflare's own error names an option that Berth does not have.
  await checkPort(port)
  const [contents] = await Promise.all([
    builtWorker(),
    wrangler('d1', 'migrations', 'apply', 'DB', '--local', '--persist-to', state),
  ])
  const configured = unstable_getMiniflareWorkerOptions(join(ROOT, 'wrangler.toml'))
  const { modulesRules: _bundled, assets: _replaced, ...workerOptions } = configured.workerOptions
  const worker = {
    ...workerOptions,
    name: 'berth',
    modules: [{ type: 'ESModule' as const, path: 'index.js', contents }],
    serviceBindings: { ASSETS: serveDocument },
    bindings: Object.assign({ ...LOCAL_VARS }, workerOptions.bindings, vars),
  }
  // wrangler describes a Worker in the format of miniflare 4 and depends on miniflare 5, which converts it.
  const { workers } = convertV4MiniflareOptions({ workers: [worker] })
  const miniflare = new Miniflare({
    host: HOST,
    port,
    // wrangler uses the same folder, so its commands work on the same state.
    resourcePersistencePath: join(state, 'v3'),
    workers,
  })
  try {
    const url = await miniflare.ready
    const stopCron = await startCron(miniflare, sweepMs)
    return {
      url,
      stop: () => {
        stopCron()
        return miniflare.dispose()
      },
    }
  } catch (error) {
    await miniflare.dispose()
    throw error
  }
}

let built: Promise<string> | undefined

/** The Worker in one module. It is built once in a process: all registries of a process are of the same source. */
function builtWorker(): Promise<string> {
  built ??= build()
  return built
}

async function build(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-'))
  try {
    await wrangler('deploy', '--dry-run', '--outdir', folder)
    return await readFile(join(folder, 'index.js'), 'utf8')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const FIRST_HOURLY_MS = 2 * 60_000

/** Miniflare does not run cron triggers itself. Returns a function that stops them. */
async function startCron(miniflare: Miniflare, sweepMs: number): Promise<() => void> {
  const worker = await miniflare.getWorker('berth')
  const run = (cron: string) => async () => {
    try {
      // If workerd has died, Miniflare throws before it returns a promise.
      await worker.scheduled({ scheduledTime: new Date(), cron })
    } catch (error) {
      console.error(`the jobs of ${cron} failed: ${error}`)
    }
  }
  const timers = [
    setInterval(run(EVERY_MINUTE), sweepMs),
    // A registry on a laptop may run for less than an hour.
    setTimeout(run(EVERY_HOUR), FIRST_HOURLY_MS),
    setInterval(run(EVERY_HOUR), 60 * 60_000),
  ]
  return () => timers.forEach(clearInterval)
}

async function checkPort(port: number): Promise<void> {
  const server = createServer().listen(port, HOST)
  try {
    await once(server, 'listening')
  } catch (error) {
    const taken = Reflect.get(Object(error), 'code') === 'EADDRINUSE'
    const why = taken ? 'it is in use, choose another one with PORT=' : error
    throw new Error(`port ${port} of ${HOST} is not available: ${why}`, { cause: error })
  } finally {
    server.close()
  }
}

async function wrangler(...args: string[]): Promise<void> {
  const command = join(ROOT, 'node_modules/wrangler/bin/wrangler.js')
  const env = { ...process.env, WRANGLER_SEND_METRICS: 'false', CI: 'true' }
  await run(process.execPath, [command, ...args], { cwd: ROOT, env })
}
