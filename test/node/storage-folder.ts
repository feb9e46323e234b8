/** Serves a storage folder to the tests in the Workers runtime: the folder TEST_STORAGE, with the socket in it. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { openStorage } from '../../src/cli/folder/open-storage.ts'

export default async function serve(): Promise<() => Promise<void>> {
  const { TEST_STORAGE: folder = '' } = process.env
  const storage = await openStorage(join(folder, 'blobs'), folder)
  return async () => {
    await storage.stop()
    await rm(folder, { recursive: true })
  }
}
