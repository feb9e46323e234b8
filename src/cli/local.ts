/**
 * A registry on this machine: the deployed Worker in Miniflare, with embedded R2, D1 and Durable Objects that store their data in a folder.
 * Miniflare listens for requests itself, without the development proxy of `wrangler dev`.
 */
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import {
  convertV4MiniflareOptions,
  type Json,
  Miniflare,
  type StructuredLogsHandler,
  type V4WorkerOptions,
  type V4WorkerOptionsShape,
} from 'miniflare'
import type { SettingName, SettingVariables } from '../http/middleware/setting-names.ts'
import { EVERY_HOUR, EVERY_MINUTE } from '../maintenance/cron.ts'
import { serveDocument } from './documents.ts'
import { makePath } from './folder/durable.ts'
import { openStorage, type ServedStorage } from './folder/open-storage.ts'
import { lockFolder } from './folder-lock.ts'
import { applyMigrations } from './migrate.ts'
import { workerBundle } from './worker-bundle.ts'

const LOOPBACK = ['127.0.0.1', '::1', '[::1]', 'localhost']
const EVERY_ADDRESS = ['0.0.0.0', '::']

/** Variables that are meant only for a registry on one's own machine. Without a credential, nobody could log in. */
const LOOPBACK_VARS = { ALLOW_LOOPBACK: 'true' } satisfies SettingVariables
const WITHOUT_LOGINS = { OPEN_ACCESS: 'true' } satisfies SettingVariables
const CREDENTIALS: SettingName[] = ['ADMIN_PASSWORD', 'HTPASSWD', 'TOKEN_AUTH']

export interface LocalOptions {
  /** The address or the host name to listen on. The default is 127.0.0.1. */
  host?: string
  /** 0, the default, takes any free port. */
  port?: number
  /** The folder that stores everything pushed. It is created if missing. */
  state: string
  /** The folder that stores the bytes of blobs, as files, in place of the embedded R2. It is created if missing. */
  storage?: string | undefined
  /** Variables that add to those of wrangler.toml and override them. */
  vars?: Record<string, string>
  /** Milliseconds between two sweeps of the outbox. The default is a minute, like Cloudflare's cron; tests use less. */
  sweepMs?: number
  /** Called before the Worker is built, which takes seconds. */
  onBuild?: () => void
  /** Receives the lines of the log. By default, they go to stdout and stderr. */
  onLog?: StructuredLogsHandler
}

export interface LocalRegistry {
  /** The address for this machine. */
  url: URL
  stop(): Promise<void>
}

/**
 * Starts a registry. On a loopback address, which is the default, everybody on this machine may use it if the variables have neither a
 * credential nor OPEN_ACCESS. On other addresses the variables decide alone.
 * @throws if the Worker does not build, a migration fails, the port is in use, or another registry uses the folder
 */
export async function startLocal(options: LocalOptions): Promise<LocalRegistry> {
  const state = resolve(options.state)
  await makeState(state)
  await using opened = new AsyncDisposableStack()
  opened.defer(lockFolder(state, 'berth.lock', 'STATE='))
  const storage =
    options.storage === undefined ? undefined : await openStorage(options.storage, state)
  if (storage !== undefined) opened.defer(storage.stop)
  const registry = await startIn(state, options, storage)
  const running = opened.move()
  running.defer(registry.stop)
  return { url: registry.url, stop: () => running.disposeAsync() }
}

async function makeState(state: string): Promise<void> {
  try {
    await makePath(state)
  } catch (error) {
    const { code, message } = Object(error)
    const why = code === 'EEXIST' ? 'it is a file' : message
    throw new Error(`the folder ${state} (STATE=) cannot be used: ${why}`, { cause: error })
  }
}

/** What a client on this machine calls the address. */
function nameOf(host: string): string {
  if (EVERY_ADDRESS.includes(host)) return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}

export function isLoopback(host: string): boolean {
  return LOOPBACK.includes(host)
}

async function startIn(
  state: string,
  options: LocalOptions,
  storage: ServedStorage | undefined,
): Promise<LocalRegistry> {
  const { host = '127.0.0.1', vars = {}, sweepMs = 60_000 } = options
  // Checked first: building takes seconds, and Miniflare's own error names an option that Berth does not have.
  const free = await freePort(host, options.port ?? 0)
  // Of a free port that Miniflare takes itself, it tells only the one on loopback.
  const port = isLoopback(host) ? (options.port ?? 0) : free
  const { script, options: configured } = await workerBundle(options.onBuild)
  await migrate(state, configured)
  const worker: V4WorkerOptions = {
    ...configured,
    modules: [{ type: 'ESModule', path: 'index.js', contents: script }],
    bindings: withDefaults(host, { ...configured.bindings, ...vars }),
    serviceBindings: {
      ASSETS: serveDocument,
      ...(storage === undefined ? {} : serviceOf(storage)),
    },
  }
  const log = options.onLog === undefined ? {} : { handleStructuredLogs: options.onLog }
  const miniflare = newMiniflare(state, worker, { host, port, ...log })
  try {
    const ready = await miniflare.ready
    const stopCron = await startCron(miniflare, sweepMs)
    return {
      url: new URL(`http://${nameOf(host)}:${port || ready.port}`),
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

function withDefaults(host: string, vars: Record<string, Json>): Record<string, Json> {
  if (!isLoopback(host)) return vars
  const hasLogins = CREDENTIALS.some((name) => name in vars)
  return { ...LOOPBACK_VARS, ...(hasLogins ? {} : WITHOUT_LOGINS), ...vars }
}

/** The runtime connects to the socket itself, so that no byte passes through Miniflare. */
function serviceOf({ socket }: ServedStorage) {
  return { BLOB_FOLDER: { external: { address: `unix:${socket}`, http: {} } } }
}

/** By a runtime of its own, which ends before the Worker serves its first request. */
async function migrate(state: string, { d1Databases = {} }: V4WorkerOptionsShape): Promise<void> {
  const script = 'export default { fetch: () => new Response() }'
  const miniflare = newMiniflare(state, { d1Databases, modules: true, script }, {})
  try {
    await applyMigrations(await miniflare.getD1Database('DB'))
  } finally {
    await miniflare.dispose()
  }
}

function newMiniflare(
  state: string,
  worker: V4WorkerOptions,
  options: { host?: string; port?: number; handleStructuredLogs?: StructuredLogsHandler },
): Miniflare {
  // wrangler describes a Worker in the format of miniflare 4 and depends on miniflare 5, which converts it.
  const { workers } = convertV4MiniflareOptions({ workers: [{ ...worker, name: 'berth' }] })
  endRuntimeWithThisProcess()
  return new Miniflare({
    ...options,
    // wrangler uses the same folder, so its commands work on the same state.
    resourcePersistencePath: join(state, 'v3'),
    // Other programs of this machine need no way to the Worker beside its port.
    enableDevRegistry: false,
    workers,
  })
}

/** Miniflare starts the program that this variable names. */
function endRuntimeWithThisProcess(): void {
  process.env.BERTH_WORKERD ??= createRequire(import.meta.resolve('miniflare'))('workerd').default
  process.env.MINIFLARE_WORKERD_PATH = join(import.meta.dirname, 'workerd.sh')
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

/**
 * The port, or any free one for 0.
 * @throws if it is in use, or the host is not an address of this machine
 */
async function freePort(host: string, port: number): Promise<number> {
  const server = createServer().listen(port, host)
  try {
    await once(server, 'listening')
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : port
  } catch (error) {
    const { code, message } = Object(error)
    const why = code === 'EADDRINUSE' ? 'it is in use, choose another one with PORT=' : message
    throw new Error(`port ${port} of ${host} is not available: ${why}`, { cause: error })
  } finally {
    server.close()
  }
}
