/**
 * `npm run bench`: how long a registry client's work takes on Berth, in milliseconds and as a multiple of a bare Worker that
 * does the least the platform allows (the floor). Both run on Miniflare directly and take turns in one run. With
 * `--peer NAME=URL` any other registry does the same work beside them, and with `--auth` a Berth that asks for a login.
 */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FloorClient } from './floor.ts'
import { measure, type Result } from './measure.ts'
import { type Options, readOptions, USAGE } from './options.ts'
import { asJson, asTable, failuresOf } from './report.ts'
import { type ServerKind, startServer } from './server-process.ts'
import {
  ADMIN,
  BERTH,
  BERTH_AUTH,
  FLOOR,
  floorSubject,
  registrySubject,
  type Subject,
} from './subjects.ts'

const options = commandLine()
const state = await mkdtemp(join(tmpdir(), 'berth-bench-'))
try {
  const results = await withServers(state, (subjects) => measureAll(subjects, options))
  const peers = [...(options.auth ? [BERTH_AUTH] : []), ...options.peers.map(({ name }) => name)]
  console.log(options.json ? asJson(results) : asTable(results, peers))
  const own = [FLOOR, BERTH]
  if (failuresOf(results).some(({ subject }) => own.includes(subject))) process.exitCode = 1
} finally {
  await rm(state, { recursive: true, force: true })
}

function commandLine(): Options {
  try {
    return readOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`)
    process.exit(2)
  }
}

async function withServers<T>(
  folder: string,
  use: (subjects: readonly Subject[]) => Promise<T>,
): Promise<T> {
  const servers = new AsyncDisposableStack()
  const start = async (kind: ServerKind) => {
    const server = await startServer(kind, join(folder, kind))
    servers.defer(() => server.stop())
    return server.url
  }
  try {
    const floorClient = new FloorClient(await start('floor'))
    await floorClient.createSchema()
    const subjects = [floorSubject(floorClient)]
    subjects.push(registrySubject(BERTH, await start('berth'), freshRepository()))
    if (options.auth) {
      const url = await start('berth-auth')
      subjects.push(registrySubject(BERTH_AUTH, url, freshRepository(), ADMIN))
    }
    for (const { name, url, credentials } of options.peers) {
      subjects.push(registrySubject(name, url, freshRepository(), credentials))
    }
    return await use(subjects)
  } finally {
    await servers.disposeAsync()
  }
}

function freshRepository(): string {
  return `bench/${randomUUID()}`
}

async function measureAll(
  subjects: readonly Subject[],
  { rows, runs }: Options,
): Promise<Result[]> {
  const results: Result[] = []
  for (const row of rows) results.push(await measure(row, subjects, runs ?? row.runs))
  return results
}
