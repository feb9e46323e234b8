/** The server of a storage folder, spoken to on its socket: what is on the disk at which moment, and what faults leave. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { type FileHandle, open, readdir, rename, utimes } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { openStorage } from '../../src/cli/folder/open-storage.ts'
import { recoverUploads } from '../../src/cli/folder/part-uploads.ts'
import { serveFolder } from '../../src/cli/folder/server.ts'
import { openStorageFolder, type StorageFolder } from '../../src/cli/folder/storage-folder.ts'
import { digestOf, eventually, newBytes, temporaryFolder } from './support.ts'

const KEY = 'registry/blobs/2026-11-27/one'
const FILE = 'objects/registry/blobs/2026-11-27/one.blob'

interface Served {
  root: string
  folder: StorageFolder
  socket: string
}

/** Serves a folder in this thread, where faults can be made. */
async function serve(): Promise<Served> {
  const place = temporaryFolder()
  const root = join(place, 'storage')
  const socket = join(place, 'socket')
  const folder = await openStorageFolder(root)
  const server = await serveFolder(folder, socket)
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return { root, folder, socket }
}

async function call(
  { socket }: Pick<Served, 'socket'>,
  method: string,
  path: string,
  query: Record<string, string | number>,
  body: Uint8Array | string = '',
): Promise<{ status: number | undefined; body: string }> {
  const parameters = new URLSearchParams(Object.entries(query).map(([k, v]) => [k, String(v)]))
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ socketPath: socket, method, path: `${path}?${parameters}` }, resolve)
      .on('error', reject)
      .end(body)
  })
  return { status: answer.statusCode, body: await text(answer) }
}

function write(served: Served, bytes: Uint8Array, digest = digestOf(bytes)) {
  return call(served, 'PUT', '/object', { key: KEY, digest }, bytes)
}

/** The methods of all open files. */
async function fileMethods(): Promise<FileHandle> {
  const file = await open(import.meta.filename)
  await file.close()
  return Object.getPrototypeOf(file)
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code })
}

describe('a write', () => {
  it('is on the disk before its name is, and its name before the answer', async () => {
    const served = await serve()
    const methods = await fileMethods()
    const target = join(served.root, FILE)
    const seen: string[] = []
    const { datasync, sync } = methods
    vi.spyOn(methods, 'datasync').mockImplementation(function (this: FileHandle) {
      seen.push(`bytes, ${existsSync(target) ? 'visible' : 'hidden'}`)
      return datasync.call(this)
    })
    vi.spyOn(methods, 'sync').mockImplementation(function (this: FileHandle) {
      seen.push(`folder, ${existsSync(target) ? 'visible' : 'hidden'}`)
      return sync.call(this)
    })
    onTestFinished(() => void vi.restoreAllMocks())
    expect((await write(served, newBytes(1000).bytes)).status).toBe(204)
    expect(seen.at(0)).toBe('bytes, hidden')
    expect(seen.at(-1)).toBe('folder, visible')
    // The folders of the key were made before: objects, registry, blobs and the day.
    expect(seen.filter((moment) => moment === 'folder, hidden').length).toBeGreaterThanOrEqual(4)
  })

  it.each([
    ['datasync', 'EIO'],
    ['sync', 'EIO'],
    ['writev', 'ENOSPC'],
    ['writev', 'EDQUOT'],
  ] as const)('is not acknowledged if %s fails with %s', async (method, code) => {
    const served = await serve()
    const methods = await fileMethods()
    const { bytes } = newBytes(3_000_000)
    vi.spyOn(methods, method).mockRejectedValue(failure(code))
    onTestFinished(() => void vi.restoreAllMocks())
    expect((await write(served, bytes)).status).toBe(507)
    expect(readdirSync(join(served.root, 'incoming'))).toEqual([])
    vi.restoreAllMocks()
    expect((await write(served, bytes)).status).toBe(204)
  })

  it('with another digest leaves nothing', async () => {
    const served = await serve()
    const { bytes } = newBytes(100_000)
    expect((await write(served, bytes, newBytes(1).digest)).status).toBe(422)
    expect(existsSync(join(served.root, FILE))).toBe(false)
    expect(readdirSync(join(served.root, 'incoming'))).toEqual([])
  })

  it('that breaks off leaves nothing', async () => {
    const served = await serve()
    const { bytes, digest } = newBytes(200_000)
    const path = `/object?key=${encodeURIComponent(KEY)}&digest=${digest}`
    const incoming = join(served.root, 'incoming')
    const headers = { 'Content-Length': 300_000 }
    const sending = request({ socketPath: served.socket, method: 'PUT', path, headers })
    sending.on('error', () => undefined).write(bytes)
    await eventually(() => readdirSync(incoming).length === 1, 'the file that is received')
    sending.destroy()
    await eventually(() => readdirSync(incoming).length === 0, 'its removal')
    expect(existsSync(join(served.root, FILE))).toBe(false)
  })

  it.each(['', 'x'.repeat(1025), 'y'.repeat(300)])('refuses the key %.10s', async (key) => {
    const served = await serve()
    const answer = await call(served, 'PUT', '/object', { key, digest: digestOf(Buffer.from('')) })
    expect(answer.status).toBe(400)
  })

  it('stays in the folder, whatever the key says', async () => {
    const served = await serve()
    const key = '../../../escape'
    const digest = digestOf(Buffer.from('x'))
    expect((await call(served, 'PUT', '/object', { key, digest }, 'x')).status).toBe(204)
    const page = await call(served, 'GET', '/objects', { prefix: '../', after: '' })
    expect(JSON.parse(page.body).objects[0].key).toBe(key)
    expect(readdirSync(dirname(served.root)).sort()).toEqual(['socket', 'storage'])
    expect(readdirSync(served.root).sort()).toEqual(['incoming', 'objects', 'uploads'])
  })
})

describe('an upload in parts', () => {
  async function begin(served: Served): Promise<string> {
    return JSON.parse((await call(served, 'POST', '/parts', { key: KEY })).body)
  }

  function writePart(served: Served, id: string, number: number, bytes: Uint8Array) {
    return call(served, 'PUT', '/parts', { key: KEY, id, number }, bytes)
  }

  it('becomes the object by a rename, without a second copy of its bytes', async () => {
    const served = await serve()
    const id = await begin(served)
    const { bytes } = newBytes(1000)
    const part = JSON.parse((await writePart(served, id, 1, bytes)).body)
    const [upload = ''] = await readdir(join(served.root, 'uploads'))
    const [name = ''] = await readdir(join(served.root, 'uploads', upload))
    const { ino } = statSync(join(served.root, 'uploads', upload, name))
    const parts = JSON.stringify([part])
    expect((await call(served, 'POST', '/complete', { key: KEY, id }, parts)).status).toBe(204)
    expect(statSync(join(served.root, FILE, name)).ino).toBe(ino)
    expect(await readdir(join(served.root, 'uploads'))).toEqual([])
  })

  it.each(['datasync', 'sync'] as const)('takes no part if %s fails', async (method) => {
    const served = await serve()
    const id = await begin(served)
    vi.spyOn(await fileMethods(), method).mockRejectedValue(failure('EIO'))
    onTestFinished(() => void vi.restoreAllMocks())
    expect((await writePart(served, id, 1, newBytes(1000).bytes)).status).toBe(507)
  })

  it('goes on after a completion that a crash interrupted', async () => {
    const served = await serve()
    const id = await begin(served)
    const { bytes } = newBytes(1000)
    const part = JSON.parse((await writePart(served, id, 1, bytes)).body)
    const uploads = join(served.root, 'uploads')
    const [name = ''] = await readdir(uploads)
    await rename(join(uploads, name), join(uploads, `${name}.closing`))
    await recoverUploads(served.folder, Date.now())
    const more = JSON.parse((await writePart(served, id, 2, bytes)).body)
    const parts = JSON.stringify([part, more])
    expect((await call(served, 'POST', '/complete', { key: KEY, id }, parts)).status).toBe(204)
    expect((await call(served, 'GET', '/size', { key: KEY })).body).toBe('2000')
  })

  it('is removed at a start after more than eight days, and not before', async () => {
    const served = await serve()
    const uploads = join(served.root, 'uploads')
    const day = 24 * 60 * 60
    for (const days of [7, 9]) {
      await begin(served)
      const newest = (await readdir(uploads)).find(
        (name) => Date.now() - statSync(join(uploads, name)).mtimeMs < day * 1000,
      )
      const time = Date.now() / 1000 - days * day
      await utimes(join(uploads, newest ?? ''), time, time)
    }
    await recoverUploads(served.folder, Date.now())
    expect((await readdir(uploads)).length).toBe(1)
  })

  it('has an id that is valid for its key alone', async () => {
    const served = await serve()
    const id = await begin(served)
    const answer = await call(served, 'PUT', '/parts', { key: `${KEY}2`, id, number: 1 }, 'x')
    expect(answer.status).toBe(410)
    const outside = await call(served, 'PUT', '/parts', { key: KEY, id: '../..', number: 1 }, 'x')
    expect(outside.status).toBe(410)
  })
})

describe('a read', () => {
  it('of an object whose file became shorter breaks off', async () => {
    const served = await serve()
    const { bytes } = newBytes(3_000_000)
    await write(served, bytes)
    const methods = await fileMethods()
    const { read } = methods
    vi.spyOn(methods, 'read').mockImplementation(function (this: FileHandle, ...args: unknown[]) {
      if (Number(args[3]) > 1_000_000) return Promise.resolve({ bytesRead: 0, buffer: args[0] })
      return Reflect.apply(read, this, args)
    })
    onTestFinished(() => void vi.restoreAllMocks())
    await expect(call(served, 'GET', '/object', { key: KEY })).rejects.toThrow('aborted')
  })

  it('of a range over several parts reads these bytes', async () => {
    const served = await serve()
    const id = JSON.parse((await call(served, 'POST', '/parts', { key: KEY })).body)
    const letters = ['abc', 'def', 'ghi']
    const parts: unknown[] = []
    for (const [index, part] of letters.entries()) {
      const query = { key: KEY, id, number: index + 1 }
      parts.push(JSON.parse((await call(served, 'PUT', '/parts', query, part)).body))
    }
    await call(served, 'POST', '/complete', { key: KEY, id }, JSON.stringify(parts))
    const whole = letters.join('')
    for (let offset = 0; offset < whole.length; offset++) {
      for (let length = 1; offset + length <= whole.length; length++) {
        const { body } = await call(served, 'GET', '/object', { key: KEY, offset, length })
        expect(body).toBe(whole.slice(offset, offset + length))
      }
    }
  })
})

it('is not taken for empty when its disk is unmounted', async () => {
  const served = await serve()
  const { bytes } = newBytes(1000)
  await write(served, bytes)
  await rename(served.root, `${served.root}-elsewhere`)
  for (const path of ['/object', '/size']) {
    const answer = await call(served, 'GET', path, { key: KEY })
    expect(answer).toEqual({ status: 507, body: expect.stringContaining('not there any more') })
  }
  expect((await write(served, bytes)).status).toBe(507)
  expect((await call(served, 'POST', '/parts', { key: KEY })).status).toBe(507)
  await rename(`${served.root}-elsewhere`, served.root)
  expect((await call(served, 'GET', '/size', { key: KEY })).body).toBe('1000')
  expect((await write(served, bytes)).status).toBe(204)
})

describe('the folder of --storage', () => {
  it('is served on a socket that only this user may use', async () => {
    const state = temporaryFolder()
    const storage = await openStorage(join(state, 'blobs'), state)
    onTestFinished(() => storage.stop())
    expect(statSync(storage.socket).mode & 0o777).toBe(0o600)
    expect(statSync(dirname(storage.socket)).mode & 0o777).toBe(0o700)
    expect(statSync(join(state, 'blobs/objects')).mode & 0o077).toBe(0)
  })

  it('is served to one registry alone', async () => {
    const state = temporaryFolder()
    const storage = await openStorage(join(state, 'blobs'), state)
    onTestFinished(() => storage.stop())
    await expect(openStorage(join(state, 'blobs'), temporaryFolder())).rejects.toThrow(
      /another registry, process \d+, uses the folder .*choose another folder with --storage/,
    )
  })

  it('loses at a start what an earlier process was receiving', async () => {
    const root = join(temporaryFolder(), 'storage')
    const folder = await openStorageFolder(root)
    await (await open(folder.temporary(), 'wx')).close()
    await openStorageFolder(root)
    expect(readdirSync(join(root, 'incoming'))).toEqual([])
  })

  it.each([
    ['/proc/berth', 'cannot be used'],
    [`${import.meta.filename}/blobs`, 'a part of its path is a file'],
    [import.meta.filename, 'a part of its path is a file'],
  ])('is refused with one sentence: %s', async (path, sentence) => {
    const error = await openStorage(path, temporaryFolder()).catch(Object)
    expect(error.message).toContain('--storage')
    expect(error.message).toContain(sentence)
    expect(error.message).not.toContain('\n')
  })

  it('needs a state folder whose path is short enough for a socket', async () => {
    const state = join(temporaryFolder(), 'x'.repeat(100))
    await expect(openStorage(join(state, 'blobs'), state)).rejects.toThrow('too long for a socket')
  })
})

it('hashes with the algorithm of the digest', async () => {
  const served = await serve()
  const { bytes } = newBytes(1000)
  const digest = `sha512:${createHash('sha512').update(bytes).digest('hex')}`
  expect((await write(served, bytes, digest)).status).toBe(204)
  expect((await write(served, newBytes(1000).bytes, digest)).status).toBe(422)
})
