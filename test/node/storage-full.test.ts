/** A storage folder whose disk is full, or cannot be written: a small file system of its own, which only root can mount. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openStorage } from '../../src/cli/folder/open-storage.ts'
import { startLocal } from '../../src/cli/local.ts'
import { beginUpload, newBytes, pulledDigest, temporaryFolder } from './support.ts'

const MIB = 1024 * 1024
const REPOSITORY = 'full/disk'

/** Mounts a file system of 16 MiB; null if this user may not. */
function mountSmall(): string | null {
  const path = join(temporaryFolder(), 'disk')
  mkdirSync(path)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', path], { stdio: 'ignore' })
  } catch {
    return null
  }
  onTestFinished(() => void execFileSync('umount', ['-l', path]))
  return path
}

/** A registry on the small disk, and what it logs. */
async function startSmall(disk: string) {
  const lines: string[] = []
  const registry = await startLocal({
    state: temporaryFolder(),
    storage: join(disk, 'blobs'),
    onLog: ({ message }) => void lines.push(message),
  })
  onTestFinished(() => registry.stop())
  return { url: registry.url, log: () => lines.join('\n') }
}

function pushWhole(url: URL, { bytes, digest }: ReturnType<typeof newBytes>) {
  const path = `/v2/${REPOSITORY}/blobs/uploads/?digest=${digest}`
  return fetch(new URL(path, url), { method: 'POST', body: bytes })
}

async function expectUnavailable(response: Response): Promise<void> {
  expect(response.status).toBe(503)
  expect(await response.text()).toContain('"code":"UNAVAILABLE"')
}

describe.skipIf(process.getuid?.() !== 0)('a full disk', () => {
  it('refuses a blob that is pushed whole, and takes those that fit', async (test) => {
    const disk = mountSmall() ?? test.skip()
    const { url, log } = await startSmall(disk)
    const before = newBytes(MIB)
    expect((await pushWhole(url, before)).status).toBe(201)
    await expectUnavailable(await pushWhole(url, newBytes(20 * MIB)))
    expect(log()).toContain('the disk of the storage folder is full')
    expect(readdirSync(join(disk, 'blobs/incoming'))).toEqual([])
    const after = newBytes(MIB)
    expect((await pushWhole(url, after)).status).toBe(201)
    for (const { digest } of [before, after]) {
      expect(await pulledDigest(url, REPOSITORY, digest)).toBe(digest)
    }
  })

  it('refuses a blob that is pushed in chunks, and has room when the upload is cancelled', async (test) => {
    const disk = mountSmall() ?? test.skip()
    const { url, log } = await startSmall(disk)
    const target = await beginUpload(url, REPOSITORY)
    const { bytes } = newBytes(30 * MIB)
    await expectUnavailable(await fetch(target, { method: 'PATCH', body: bytes }))
    expect(log()).toContain('the disk of the storage folder is full')
    expect((await fetch(target, { method: 'DELETE' })).status).toBe(204)
    const after = newBytes(12 * MIB)
    expect((await pushWhole(url, after)).status).toBe(201)
    expect(await pulledDigest(url, REPOSITORY, after.digest)).toBe(after.digest)
  })

  it('serves pulls while it refuses pushes', async (test) => {
    const disk = mountSmall() ?? test.skip()
    const { url } = await startSmall(disk)
    const blob = newBytes(MIB)
    expect((await pushWhole(url, blob)).status).toBe(201)
    expect(() => writeFileSync(join(disk, 'filler'), Buffer.alloc(20 * MIB))).toThrow('ENOSPC')
    await expectUnavailable(await pushWhole(url, newBytes(100_000)))
    expect(await pulledDigest(url, REPOSITORY, blob.digest)).toBe(blob.digest)
  })

  it('that cannot be written is refused at the start with one sentence', async (test) => {
    const disk = mountSmall() ?? test.skip()
    execFileSync('mount', ['-o', 'remount,ro', disk])
    const error = await openStorage(disk, temporaryFolder()).catch(Object)
    expect(error.message).toBe(
      `--storage ${disk} cannot be used: the storage folder is on a file system that cannot be written`,
    )
  })
})
