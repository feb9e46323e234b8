/** Serves a storage folder before the tests on it. It lies in STORAGE_FOLDER, beside the socket. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { openStorage } from '../../src/cli/folder/open-storage.ts'

export default async function serve(): Promise<() => Promise<void>> {
  const { STORAGE_FOLDER: folder = '' } = process.env
  const storage = await openStorage(join(folder, 'blobs'), folder)
  return async () => {
    await storage.stop()
    await rm(folder, { recursive: true })
  }
}
