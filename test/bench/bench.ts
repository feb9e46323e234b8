/**
 * Runs the benchmark of single requests: starts the servers, each with fresh state in a process of its own, measures every row on
 * all of them in turns, and prints the report.
 */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDockerRegistry } from './docker-registry.ts'
import { measure, type Result } from './measure.ts'
import type { Options } from './options.ts'
import { asJson, asTable, failuresOf } from './report.ts'
import { type RunningServer, startServer } from './server-process.ts'
import {
  ADMIN,
  BERTH,
  BERTH_AUTH,
  BERTH_FOLDER,
  DOCKER_REGISTRY,
  FLOOR,
  type FlooredRow,
  floorSubject,
  registrySubject,
  type Subject,
} from './subjects.ts'

/** @param withDockerRegistry whether Debian's docker-registry does the same work beside Berth */
export async function runBench(options: Options, withDockerRegistry: boolean): Promise<void> {
  const state = await mkdtemp(join(tmpdir(), 'berth-bench-'))
  try {
    const results = await withSubjects(state, options, withDockerRegistry, (subjects) =>
      measureAll(subjects, options),
    )
    const peers: readonly string[] = [
      FLOOR,
      ...(options.auth ? [BERTH_AUTH] : []),
      ...(withDockerRegistry ? [DOCKER_REGISTRY] : []),
      ...options.peers.map(({ name }) => name),
    ]
    const ratios = peers.map((to) => ({ of: BERTH, to }))
    if (options.folder && withDockerRegistry) ratios.push({ of: BERTH_FOLDER, to: DOCKER_REGISTRY })
    console.log((options.json ? asJson : asTable)(results, ratios))
    const own = [FLOOR, BERTH, BERTH_FOLDER]
    if (failuresOf(results).some(({ subject }) => own.includes(subject))) process.exitCode = 1
  } finally {
    await rm(state, { recursive: true, force: true })
  }
}

async function withSubjects<T>(
  folder: string,
  options: Options,
  withDockerRegistry: boolean,
  use: (subjects: readonly Subject<FlooredRow>[]) => Promise<T>,
): Promise<T> {
  const servers = new AsyncDisposableStack()
  const urlOf = async (start: (state: string) => Promise<RunningServer>, name: string) => {
    const server = await start(join(folder, name))
    servers.defer(() => server.stop())
    return server.url
  }
  const repository = () => `bench/${randomUUID()}`
  try {
    const floor = await urlOf((state) => startServer('floor', state), FLOOR)
    const berth = await urlOf((state) => startServer('berth', state), BERTH)
    const subjects = [await floorSubject(floor), registrySubject(BERTH, berth, repository())]
    if (options.auth) {
      const url = await urlOf((state) => startServer('berth-auth', state), BERTH_AUTH)
      subjects.push(registrySubject(BERTH_AUTH, url, repository(), ADMIN))
    }
    if (options.folder) {
      const url = await urlOf((state) => startServer('berth-folder', state), BERTH_FOLDER)
      subjects.push(registrySubject(BERTH_FOLDER, url, repository()))
    }
    if (withDockerRegistry) {
      const url = await urlOf(startDockerRegistry, DOCKER_REGISTRY)
      subjects.push(registrySubject(DOCKER_REGISTRY, url, repository()))
    }
    for (const { name, url, credentials } of options.peers) {
      subjects.push(registrySubject(name, url, repository(), credentials))
    }
    return await use(subjects)
  } finally {
    await servers.disposeAsync()
  }
}

async function measureAll(
  subjects: readonly Subject<FlooredRow>[],
  { rows, runs, concurrency }: Options,
): Promise<Result[]> {
  const results: Result[] = []
  for (const row of rows) {
    for (const atOnce of row.concurrent ? concurrency : [1]) {
      results.push(await measure(row, subjects, { runs: runs ?? row.runs, atOnce }))
    }
  }
  return results
}
