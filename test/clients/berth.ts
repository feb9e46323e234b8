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

/**
 * @param options.env environment for the server, for example other settings
 * @param options.log name of the file under `.reports/` that takes the server's output
 * @throws {Error} when `GET /v2/` does not answer 200 within a minute
 */
export async function startBerth(
  options: { env?: Record<string, string>; log?: string } = {},
): Promise<RunningBerth> {
  const reports = join(PROJECT, '.reports')
  await mkdir(reports, { recursive: true })
  const state = await mkdtemp(join(tmpdir(), 'berth-state-'))
  process.once('exit', () => rmSync(state, { recursive: true, force: true }))
  const port = await freePort()
  const host = `127.0.0.1:${port}`
  const daemon = await startDaemon(
    ['npm', 'start'],
    join(reports, options.log ?? 'berth.log'),
    async () => (await fetch(`http://${host}/v2/`)).status === 200,
    { cwd: PROJECT, env: { ...options.env, PORT: String(port), STATE: state } },
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
