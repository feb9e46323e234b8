/**
 * Starts Berth as a user does, with `npm start`, on a free loopback port and with fresh state, for the tests that talk to it from
 * outside: the real clients and the conformance suite.
 */
import { rmSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDaemon } from './command.ts'

const PROJECT = join(import.meta.dirname, '../..')

export interface RunningBerth {
  /** `127.0.0.1:port`, as it stands in an image reference. */
  host: string
  stop(): Promise<void>
}

/** Variables for a server that only lets in who has a name and a password. */
export const CLOSED = {
  ADMIN_PASSWORD: 'correct-horse-battery',
  OPEN_ACCESS: 'false',
} as const

export interface BerthOptions {
  /** The server's variables, as `npm start -- --var` takes them. */
  vars?: Record<string, string>
  /** Name of the file under `.reports/` that takes the server's output. */
  log?: string
}

/** @throws {Error} when `GET /v2/` is not answered as it should be within a minute: 200, or 401 by a server that is not open */
export async function startBerth({ vars = {}, log }: BerthOptions = {}): Promise<RunningBerth> {
  const reports = join(PROJECT, '.reports')
  await mkdir(reports, { recursive: true })
  const state = await mkdtemp(join(tmpdir(), 'berth-state-'))
  process.once('exit', () => rmSync(state, { recursive: true, force: true }))
  const port = await freePort()
  const host = `127.0.0.1:${port}`
  const settings = Object.entries(vars).flatMap(([name, value]) => ['--var', `${name}:${value}`])
  const ready = vars.OPEN_ACCESS === 'false' ? 401 : 200
  const daemon = await startDaemon(
    ['npm', 'start', '--', ...settings],
    join(reports, log ?? 'berth.log'),
    async () => (await fetch(`http://${host}/v2/`)).status === ready,
    { cwd: PROJECT, env: { PORT: String(port), STATE: state } },
  )
  return {
    host,
    stop: async () => {
      await daemon.stop()
      await rm(state, { recursive: true, force: true })
    },
  }
}

/** A loopback port that nothing listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no TCP port')
  return address.port
}
