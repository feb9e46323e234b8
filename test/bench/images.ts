/**
 * `npm run bench:images`: whole images by real clients, on Berth and on Debian's docker-registry in turns. docker pushes and pulls three
 * layers of 60 MB; ctr pushes and fetches twelve of 15 MB, all at once as containerd does. Needs root on Debian: it installs the
 * clients and starts a dockerd and a containerd of its own.
 */
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { exitOnSignal } from '../clients/command.ts'
import { startContainerd } from '../clients/containerd.ts'
import { startDocker } from '../clients/docker-engine.ts'
import { installPackages } from '../clients/install.ts'
import { removeTree } from '../clients/scratch.ts'
import {
  COMMON_OPTIONS,
  type CommonOptions,
  commonUsage,
  orUsage,
  readCommon,
} from './command-line.ts'
import { startDockerRegistry } from './docker-registry.ts'
import { IMAGE_ROWS, type ImageClient } from './image-rows.ts'
import { measure } from './measure.ts'
import { asJson, asTable, failuresOf } from './report.ts'
import type { Row } from './row.ts'
import { startServer } from './server-process.ts'
import { BERTH, DOCKER_REGISTRY, type Subject } from './subjects.ts'

const PACKAGES = {
  'docker.io': 'dockerd',
  containerd: 'containerd',
  skopeo: 'skopeo',
  'docker-registry': 'docker-registry',
}
const USAGE = `npm run bench:images -- [--json] [--only ROW,ROW] [--runs N]\n${commonUsage(IMAGE_ROWS)}`

const options = orUsage(USAGE, readOptions)
exitOnSignal()
await installPackages(PACKAGES)
// Short: sockets lie in it.
const folder = join(tmpdir(), `berth-images-${process.pid}`)
const running = new AsyncDisposableStack()
try {
  const start = async <T extends { stop(): Promise<void> }>(
    name: string,
    starter: (folder: string) => Promise<T>,
  ) => {
    const own = join(folder, name)
    await mkdir(own, { recursive: true })
    return running.adopt(await starter(own), (started) => started.stop())
  }
  const berth = await start('berth', (state) => startServer('berth', state))
  const peer = await start('registry', startDockerRegistry)
  const docker = await start('docker', startDocker)
  const containerd = await start('containerd', startContainerd)
  const subjects = [
    imageSubject(BERTH, { docker, containerd, folder, host: berth.url.host }),
    imageSubject(DOCKER_REGISTRY, { docker, containerd, folder, host: peer.url.host }),
  ]
  const results = []
  for (const row of options.rows) {
    results.push(await measure(row, subjects, { runs: options.runs ?? row.runs, atOnce: 1 }))
  }
  const ratios = [{ of: BERTH, to: DOCKER_REGISTRY }]
  console.log((options.json ? asJson : asTable)(results, ratios))
  if (failuresOf(results).length > 0) process.exitCode = 1
} finally {
  await running.disposeAsync()
  await removeTree(folder)
}

function readOptions(args: string[]): CommonOptions<Row<ImageClient>> {
  return readCommon(parseArgs({ args, options: COMMON_OPTIONS }).values, IMAGE_ROWS)
}

function imageSubject(name: string, client: ImageClient): Subject<Row<ImageClient>> {
  return {
    name,
    setup: async (row) => {
      const prepare = await row.setup(client)
      return async () => prepare()
    },
  }
}
