/** Where a client's test works: the registry it talks to, a folder of its own and repository names of its own. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { $, exitOnSignal } from './command.ts'

export interface Scratch {
  /** `host:port` of the registry. */
  host: string
  /** A new folder, deleted by `remove`. */
  dir: string
  /** Full name of a repository: `host:port/client-random/name`. */
  repository(name: string): string
  /** The same without the host, as it stands in request paths. */
  path(name: string): string
  /** Unmounts what is mounted below the folder and deletes it. */
  remove(): Promise<void>
}

/** Makes the folder of one client, in that of run.ts (SCRATCH); the registry is the open one that run.ts chose (REGISTRY). */
export function scratchFor(client: string, host = fromRun('REGISTRY')): Scratch {
  const root = fromRun('SCRATCH')
  exitOnSignal()
  const dir = join(root, client)
  mkdirSync(dir, { recursive: true })
  const prefix = `${client}-${randomBytes(4).toString('hex')}`
  return {
    host,
    dir,
    repository: (name) => `${host}/${prefix}/${name}`,
    path: (name) => `${prefix}/${name}`,
    remove: () => removeTree(dir),
  }
}

/** What run.ts decided, from the environment. */
export function fromRun(variable: string): string {
  const value = process.env[variable]
  if (value !== undefined) return value
  throw new Error(`${variable} is not set: start this through npm run clients`)
}

/** Deletes a folder after unmounting everything below it, the deepest mount first. */
export async function removeTree(dir: string): Promise<void> {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((point) => point.startsWith(`${dir}/`))
    .sort((a, b) => b.length - a.length)
  for (const point of mounts) await $`umount -l ${point}`
  await rm(dir, { recursive: true, force: true })
}
