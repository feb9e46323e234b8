import { env } from 'cloudflare:workers'
import { describe, it } from 'vitest'
import { FolderBlobStore } from '../../../src/store/bytes/folder-blob-store.ts'
import { driverCases } from '../../../src/store/bytes/suite/index.ts'

const store = new FolderBlobStore(env.BLOB_FOLDER ?? env.NO_FOLDER)
const driver = { store, smallParts: store, unreachable: new FolderBlobStore(env.NO_FOLDER) }

/** Each of 10,000 parts is written to the disk. */
const TIMEOUT_MS = 180_000

describe('the driver for a folder', () => {
  it.each(driverCases)('$title', ({ run }) => run(driver), TIMEOUT_MS)
})
