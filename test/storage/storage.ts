/** Which driver of the blob store the tests run on: R2 with all tests, or that of STORAGE with the tests that touch bytes. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { freePort, s3Vars } from './s3-server.ts'

type Service = { external: { address: string; http: object } }

export interface Storage {
  /** The name of the driver, and of Vitest's project. */
  name: 'r2' | 's3' | 'folder'
  /** The variables of the Worker that choose the driver. */
  vars: Record<string, string>
  /** The services of the Worker that choose the driver, and others for its tests. */
  services: Record<string, Service>
  /** The files that run on this driver. */
  tests: string[]
  /** What starts the servers behind the driver. */
  globalSetup: string[]
}

/** They ask the Worker alone, and not the bucket of R2. */
const ON_EVERY_DRIVER = [
  'test/http/v2/blobs.test.ts',
  'test/http/v2/mounts.test.ts',
  'test/http/v2/push-manifest.test.ts',
  'test/http/v2/upload-chunks.test.ts',
  'test/http/v2/upload-closing.test.ts',
  'test/http/v2/upload-whole.test.ts',
  'test/http/v2/uploads.test.ts',
  'test/invariants/i1-references.test.ts',
  'test/invariants/i2-durable.test.ts',
  'test/invariants/i4-garbage.test.ts',
  'test/invariants/i5-tags.test.ts',
  'test/invariants/i8-order.test.ts',
  'test/invariants/upload-faults.test.ts',
  'test/invariants/upload-model.test.ts',
]

export async function storageOf(name = 'r2'): Promise<Storage> {
  if (name === 'r2') return { name, vars: {}, services: {}, tests: [], globalSetup: [] }
  if (name === 'folder') return folderStorage(name)
  if (name !== 's3') throw new Error(`STORAGE takes r2, s3 or folder, not "${name}"`)
  // For the setup too, which runs in this process. Vitest may read its configuration twice.
  process.env.S3_PORTS ??= `${await freePort()},${await freePort()}`
  const [port = 0, standIn = 0] = process.env.S3_PORTS.split(',').map(Number)
  return {
    name,
    vars: { ...s3Vars(port), STAND_IN: `http://127.0.0.1:${standIn}` },
    services: {},
    tests: ['test/storage/s3/**/*.test.ts', ...ON_EVERY_DRIVER],
    globalSetup: [resolve(import.meta.dirname, 's3-setup.ts')],
  }
}

function folderStorage(name: 'folder'): Storage {
  process.env.STORAGE_FOLDER ??= mkdtempSync(join(tmpdir(), 'berth-folder-'))
  const { STORAGE_FOLDER: folder } = process.env
  const service = (socket: string) => ({
    external: { address: `unix:${join(folder, socket)}`, http: {} },
  })
  return {
    name,
    vars: {},
    services: { BLOB_FOLDER: service('socket/storage.sock'), NO_FOLDER: service('none.sock') },
    tests: ['test/storage/folder/**/*.test.ts', ...ON_EVERY_DRIVER],
    globalSetup: [resolve(import.meta.dirname, 'folder-setup.ts')],
  }
}
