/**
 * I2 with a storage folder: kill -9 of the registry, that is of the process that keeps the files and of its runtime. What was answered
 * 201 is readable afterwards, and no file that is visible is half. `npm run crashes:folder -- 20` kills more often than this does by itself.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { findWorkerd } from '../bench/process-memory.ts'
import { type ServerProcess, startServer } from '../bench/server-process.ts'
import { Acknowledged, pushUntilGone, REPOSITORY, ResumingClient } from './crash-clients.ts'
import {
  databaseRows,
  eventually,
  isRunning,
  newBytes,
  pulledDigest,
  temporaryFolder,
} from './support.ts'

const KILLS = Number(process.env.FOLDER_KILLS ?? 3)
const ROUND_MS = 60_000
const IMAGE_CLIENTS = 3
const LARGE_BYTES = 32 * 1024 * 1024

async function killAll({ pid }: ServerProcess): Promise<void> {
  const workerd = findWorkerd(pid)
  process.kill(pid, 'SIGKILL')
  process.kill(workerd, 'SIGKILL')
  const processes = [
    { pid, name: 'node' },
    { pid: workerd, name: 'workerd' },
  ]
  await eventually(() => !processes.some(isRunning), 'the end of the registry')
}

/** Pushes blobs that take long enough to be half there when the registry is killed. */
async function pushLargeUntilGone(url: URL, to: Acknowledged): Promise<void> {
  for (;;) {
    const { bytes, digest } = newBytes(LARGE_BYTES)
    to.begun.add(digest)
    try {
      const path = `/v2/${REPOSITORY}/blobs/uploads/?digest=${digest}`
      const { status } = await fetch(new URL(path, url), { method: 'POST', body: bytes })
      if (status === 201) to.blobs.add(digest)
    } catch {
      return
    }
  }
}

/** The digests of all objects, and their paths. An object is a file, or a folder of parts. */
function visibleObjects(folder: string): [path: string, digest: string][] {
  return readdirSync(folder).flatMap((name): [string, string][] => {
    const path = join(folder, name)
    if (!name.endsWith('.blob')) return visibleObjects(path)
    const files = statSync(path).isDirectory()
      ? readdirSync(path)
          .sort()
          .map((part) => join(path, part))
      : [path]
    const hash = createHash('sha256')
    for (const file of files) hash.update(readFileSync(file))
    return [[path, `sha256:${hash.digest('hex')}`]]
  })
}

it(
  'content of a storage folder survives kill -9 at any moment',
  async () => {
    const state = temporaryFolder()
    const acknowledged = new Acknowledged()
    const resuming = [new ResumingClient(acknowledged), new ResumingClient(acknowledged)]
    const checked = new Set<string>()
    const expectReadable = async (url: URL) => {
      for (const digest of acknowledged.blobs.difference(checked)) {
        expect(await pulledDigest(url, REPOSITORY, digest)).toBe(digest)
        checked.add(digest)
      }
    }
    for (let round = 0; round < KILLS; round++) {
      const registry = await startServer('berth-folder', state)
      await expectReadable(registry.url)
      const clients = Promise.all([
        ...Array.from({ length: IMAGE_CLIENTS }, (_, client) =>
          pushUntilGone(registry.url, `r${round}-c${client}`, acknowledged),
        ),
        ...resuming.map((client) => client.pushUntilGone(registry.url)),
        pushLargeUntilGone(registry.url, acknowledged),
      ])
      const enough = () => acknowledged.blobs.size > checked.size + 10
      await Promise.race([eventually(enough, 'some pushes', ROUND_MS), clients])
      await wait(Math.random() * 500)
      await killAll(registry)
      await clients
    }
    const registry = await startServer('berth-folder', state)
    checked.clear()
    await expectReadable(registry.url)
    expect(acknowledged.blobs.size).toBeGreaterThan(KILLS * 10)
    await registry.stop()

    const storage = join(state, 'storage')
    const visible = visibleObjects(join(storage, 'objects'))
    expect(visible.filter(([, digest]) => !acknowledged.begun.has(digest))).toEqual([])
    // What was being received is gone with the next start.
    expect(readdirSync(join(storage, 'incoming'))).toEqual([])
    const named = databaseRows(state, 'SELECT storage_key FROM blobs').length
    const resumed = resuming.reduce((sum, client) => sum + client.resumed, 0)
    console.log(
      `${KILLS} kills: ${acknowledged.blobs.size} blobs; ${resumed} uploads went on after a crash; ` +
        `${visible.length} objects, of which ${named} have rows`,
    )
    expect(visible.length - named).toBeLessThanOrEqual(
      KILLS * (IMAGE_CLIENTS + resuming.length + 1),
    )
  },
  KILLS * ROUND_MS + 120_000,
)
