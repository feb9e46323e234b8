/** File operations that survive a loss of power: what they did is on the disk when they return. */
import { existsSync } from 'node:fs'
import { mkdir, open, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Writes the entries of a folder to the disk. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

const KNOWN_AT_MOST = 1000

/** Folders that are known to be on the disk, or are being made. */
const known = new Map<string, Promise<void>>()

/** Makes a folder below `root`, which exists, and the folders between them. */
export function makeFolder(root: string, path: string): Promise<void> {
  const making = known.get(path) ?? make(root, path)
  if (known.size >= KNOWN_AT_MOST) known.clear()
  known.set(path, making)
  making.catch(() => known.delete(path))
  return making
}

/** Node's own `recursive` never ends where a folder takes no others, such as /proc. */
export async function makePath(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return
    if (code !== 'ENOENT' || existsSync(dirname(path))) throw error
    await makePath(dirname(path))
    await makePath(path)
  }
}

async function make(root: string, path: string): Promise<void> {
  await makePath(path)
  for (let made = path; made.length > root.length; made = dirname(made)) {
    await syncFolder(dirname(made))
  }
}

/** Renames a file or a folder whose content is on the disk, to a name in a folder that exists. */
export async function moveDurably(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (error) {
    // The folder was removed by somebody else: the next try makes it again.
    if (codeOf(error) === 'ENOENT') known.delete(dirname(to))
    throw error
  }
  await syncFolder(dirname(to))
}

/** The code of a system error, such as ENOENT. */
export function codeOf(error: unknown): string {
  return String(Reflect.get(Object(error), 'code') ?? '')
}
