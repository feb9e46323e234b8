/**
 * Starts Berth as a user does, with `npm start`, on a free loopback port and with fresh state, for the tests that talk to it from
 * outside: the real clients and the conformance suite.
 */
import { rmSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
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
  /** Whether it stores blobs in a folder: `npm start -- --storage`. */
  inFolder?: boolean
  /** Name of the file under `.reports/` that takes the server's output. */
  log?: string
}

/** @throws {Error} when `GET /v2/` is not answered as it should be within a minute: 200, or 401 by a server that is not open */
export async function startBerth({
  vars = {},
  inFolder = false,
  log,
}: BerthOptions = {}): Promise<RunningBerth> {
  const reports = join(PROJECT, '.reports')
  await mkdir(reports, { recursive: true })
  const state = await mkdtemp(join(tmpdir(), 'berth-state-'))
  process.once('exit', () => rmSync(state, { recursive: true, force: true }))
  const settings = Object.entries(vars).flatMap(([name, value]) => ['--var', `${name}:${value}`])
  if (inFolder) settings.push('--storage', join(state, 'storage'))
  const output = join(reports, log ?? 'berth.log')
  const expected = vars.OPEN_ACCESS === 'false' ? 401 : 200
  let host = ''
  const daemon = await startDaemon(
    ['npm', 'start', '--', ...settings],
    output,
    async () => {
      // Asked for any port: one that is free now may be taken until the server is built.
      const [, port] = / on http:\/\/localhost:(\d+)/.exec(await readFile(output, 'utf8')) ?? []
      if (port === undefined) return false
      host = `127.0.0.1:${port}`
      return (await fetch(`http://${host}/v2/`)).status === expected
    },
    { cwd: PROJECT, env: { PORT: '0', STATE: state } },
  )
  return {
    host,
    stop: async () => {
      await daemon.stop()
      await rm(state, { recursive: true, force: true })
    },
  }
}
