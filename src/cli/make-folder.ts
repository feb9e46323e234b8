/** Makes a folder for data. `mkdir` with `recursive` never ends where a file system refuses new names, such as /proc. */
import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Makes the folder and those above it, unless it exists.
 * @param option how the user chose the folder
 * @throws if it cannot be made, or is no folder; the message names it
 */
export async function makeFolder(path: string, option: string): Promise<void> {
  try {
    await makeWithParents(path)
  } catch (error) {
    const { message } = Object(error)
    throw new Error(`the folder ${path} (${option}) cannot be used: ${message}`, { cause: error })
  }
}

async function makeWithParents(path: string): Promise<void> {
  if (await isFolder(path)) return
  const parent = dirname(path)
  if (parent !== path) await makeWithParents(parent)
  await mkdir(path)
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null)
  if (found === null || found.isDirectory()) return found !== null
  throw new Error('it is a file')
}
