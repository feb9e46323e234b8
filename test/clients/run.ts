/**
 * `npm run clients [-- name...]`: pushes and pulls with real clients (all, or those named) against a Berth that it starts, or
 * against `REGISTRY=host:port`. Each client has a file of tests for node's own runner; they run one after another, and
 * `.reports/clients.xml` counts them. Needs root: container engines mount file systems.
 */
import { spawn } from 'node:child_process'
import { mkdir, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBerth } from './berth.ts'
import { stopGroup } from './command.ts'
import { installClients } from './install.ts'
import { removeTree } from './scratch.ts'

const REPORTS = join(import.meta.dirname, '../../.reports')
const MILLISECONDS_A_TEST = 240_000

const names = process.argv.slice(2)
const files = (await readdir(import.meta.dirname))
  .filter((file) => file.endsWith('.client.ts'))
  .filter((file) => names.length === 0 || names.includes(file.replace('.client.ts', '')))
  .sort()
if (files.length === 0) throw new Error(`no such client: ${names.join(', ')}`)

await mkdir(REPORTS, { recursive: true })
const path = await installClients()
// Lower case and short: podman reads the path as an image name, and sockets lie in it.
const scratch = join(tmpdir(), `berth-clients-${process.pid}`)
await mkdir(scratch)
const given = process.env.REGISTRY
const berth = given === undefined ? await startBerth({ log: 'clients-berth.log' }) : undefined
try {
  process.exitCode = await runTests({
    ...process.env,
    PATH: path,
    REGISTRY: berth?.host ?? given,
    SCRATCH: scratch,
  })
} finally {
  await berth?.stop()
  await removeTree(scratch)
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
