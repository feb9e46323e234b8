/**
 * `npm run clients [-- name...] [--storage s3|folder]`: pushes and pulls with real clients (all, or those named) against a Berth that it starts, or
 * against `REGISTRY=host:port`; and against two that ask for logins, which it starts in any case: one asks for bearer tokens and
 * one for Basic. Each client has a file of tests for node's own runner, and one for logins (`auth-<name>`); they run one after
 * another, and `.reports/clients.xml` counts them. Needs root: container engines mount file systems.
 */
import { spawn } from 'node:child_process'
import { mkdir, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startStorage } from '../storage/started.ts'
import { CLOSED, type RunningBerth, startBerth } from './berth.ts'
import { stopGroup } from './command.ts'
import { installClients } from './install.ts'
import { removeTree } from './scratch.ts'

const REPORTS = join(import.meta.dirname, '../../.reports')
const MILLISECONDS_A_TEST = 240_000

const { positionals: names } = parseArgs({
  options: { storage: { type: 'string' } },
  allowPositionals: true,
})
const files = (await readdir(import.meta.dirname))
  .filter((file) => file.endsWith('.client.ts'))
  .filter((file) => names.length === 0 || names.some((name) => isNamed(file, name)))
  .sort()
if (files.length === 0) throw new Error(`no such client: ${names.join(', ')}`)

await mkdir(REPORTS, { recursive: true })
const path = await installClients((client) => files.some((file) => isNamed(file, client)))
// Lower case and short: podman reads the path as an image name, and sockets lie in it.
const scratch = join(tmpdir(), `berth-clients-${process.pid}`)
await mkdir(scratch)
const started: RunningBerth[] = []
const storage = await startStorage()
try {
  process.exitCode = await runTests({
    ...process.env,
    PATH: path,
    ...(await registries()),
    SCRATCH: scratch,
  })
} finally {
  for (const berth of started) await berth.stop()
  await storage.stop()
  await removeTree(scratch)
}

/** Whether `docker` or `auth` or `auth-docker` means the file `auth-docker.client.ts`. */
function isNamed(file: string, name: string): boolean {
  const whole = file.replace('.client.ts', '')
  return whole === name || whole.split('-').includes(name)
}

/** Starts the registries that the tests need; returns where they are, as environment. */
async function registries(): Promise<Record<string, string>> {
  const hosts: Record<string, string> = {}
  const start = async (variable: string, vars: Record<string, string>) => {
    const log = `clients-${variable.toLowerCase().replaceAll('_', '-')}.log`
    const berth = await startBerth({
      vars: { ...storage.vars, ...vars },
      inFolder: storage.inFolder,
      log,
    })
    started.push(berth)
    hosts[variable] = berth.host
  }
  if (files.some((file) => file.startsWith('auth-'))) {
    // All clients have one address here, and each gets a password wrong.
    const vars = { ...CLOSED, LOGIN_FAILURES_MAX: '1000' }
    await Promise.all([
      start('REGISTRY_BEARER', { ...vars, CHALLENGE: 'bearer' }),
      start('REGISTRY_BASIC', { ...vars, CHALLENGE: 'basic' }),
    ])
  }
  const given = process.env.REGISTRY
  if (given === undefined && files.some((file) => !file.startsWith('auth-'))) {
    await start('REGISTRY', {})
  }
  return hosts
}

function runTests(env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(
    process.execPath,
    [
      '--test',
      '--test-concurrency=1',
      `--test-timeout=${MILLISECONDS_A_TEST}`,
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
      '--test-reporter=junit',
      `--test-reporter-destination=${join(REPORTS, 'clients.xml')}`,
      ...files.map((file) => join(import.meta.dirname, file)),
    ],
    { env, stdio: ['ignore', 'inherit', 'inherit'], detached: true },
  )
  // The tests end what they started; only then are mounts and folders removed, here.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopGroup(child))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => stopGroup(child).then(() => resolve(code ?? 1), reject))
  })
}
