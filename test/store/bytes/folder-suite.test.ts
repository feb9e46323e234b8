import { env } from 'cloudflare:workers'
import { describe, it } from 'vitest'
import { FolderBlobStore } from '../../../src/store/bytes/folder-blob-store.ts'
import { driverCases } from '../../../src/store/bytes/suite/index.ts'

const store = new FolderBlobStore(env.TEST_FOLDER)
const driver = { store, smallParts: store, unreachable: new FolderBlobStore(env.NO_FOLDER) }

describe('the driver for a folder', () => {
  it.each(driverCases)('$title', ({ run }) => run(driver))
})
