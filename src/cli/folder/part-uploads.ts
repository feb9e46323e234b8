/** Uploads in parts of a storage folder. */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, stat, unlink } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import type { Part } from '../../store/bytes/blob-store.ts'
import { codeOf, moveDurably, syncFolder } from './durable.ts'
import { newEtag, numberOf, partName } from './part-files.ts'
import { receiveFile } from './receive.ts'
import type { StorageFolder } from './storage-folder.ts'

/** The folder of an upload while it is being completed: parts that come too late do not find it. */
const CLOSING = '.closing'

/** A session ends within seven days: uploads/session-alarm.ts. */
const KEPT_MS = 8 * 24 * 60 * 60 * 1000

/** Uploads whose parts are remembered. */
const KNOWN_AT_MOST = 100

export class NoSuchUpload extends Error {
  override readonly name = 'NoSuchUpload'
}

export class PartUploads {
  readonly #folder: StorageFolder
  readonly #uploads: string
  /** The names of the parts of uploads, by their folders. */
  readonly #known = new Map<string, Map<number, string>>()

  constructor(folder: StorageFolder) {
    this.#folder = folder
    this.#uploads = join(folder.root, 'uploads')
  }

  async begin(key: string): Promise<string> {
    const id = randomUUID()
    await mkdir(this.#pathOf(key, id), { mode: 0o700 })
    await syncFolder(this.#uploads)
    return id
  }

  /** @throws {NoSuchUpload | CutOff} */
  async writePart(key: string, id: string, number: number, body: IncomingMessage): Promise<Part> {
    const folder = this.#pathOf(key, id)
    const path = this.#folder.temporary()
    const { size } = await receiveFile(body, path, null)
    const part = { number, etag: newEtag(size) }
    const name = partName(part)
    try {
      const names = await this.#namesOf(folder)
      const replaced = names.get(number)
      names.set(number, name)
      await moveDurably(path, join(folder, name))
      if (replaced !== undefined) await unlink(join(folder, replaced))
    } catch (error) {
      await unlink(path).catch(() => undefined)
      this.#known.delete(folder)
      throw codeOf(error) === 'ENOENT' ? new NoSuchUpload(`there is no upload ${id}`) : error
    }
    return part
  }

  /** Remembered, because a folder may have thousands of parts. */
  async #namesOf(folder: string): Promise<Map<number, string>> {
    const known = this.#known.get(folder)
    if (known !== undefined) return known
    const names = await readdir(folder)
    if (this.#known.size >= KNOWN_AT_MOST) this.#known.clear()
    const read = this.#known.get(folder) ?? new Map(names.map((name) => [numberOf(name), name]))
    this.#known.set(folder, read)
    return read
  }

  /** As BlobStore.completeParts. A crash at any point leaves the upload, or the object. */
  async complete(key: string, id: string, parts: readonly Part[]): Promise<boolean> {
    const path = this.#pathOf(key, id)
    const closing = path + CLOSING
    this.#known.delete(path)
    try {
      await rename(path, closing)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
      return (await this.#folder.find(key)) !== null
    }
    try {
      const isWhole = await keepOnly(closing, new Set(parts.map(partName)))
      if (isWhole) await this.#folder.publish(closing, key)
      else await rename(closing, path)
      return isWhole
    } catch (error) {
      await rename(closing, path).catch(() => undefined)
      throw error
    }
  }

  async abort(key: string, id: string): Promise<void> {
    const path = this.#pathOf(key, id)
    this.#known.delete(path)
    await this.#folder.removeAt(path)
  }

  /** An id is only valid with its key. */
  #pathOf(key: string, id: string): string {
    if (!/^[\w-]{1,64}$/.test(id)) throw new NoSuchUpload('no upload has this id')
    const name = createHash('sha256').update(`${key}\n${id}`).digest('hex')
    return join(this.#uploads, name.slice(0, 40))
  }
}

/** Removes all other files: earlier tries of parts whose answers were lost. Returns false, with nothing removed, if one is missing. */
async function keepOnly(folder: string, wanted: ReadonlySet<string>): Promise<boolean> {
  const names = new Set(await readdir(folder))
  if (wanted.size === 0 || !wanted.isSubsetOf(names)) return false
  for (const name of names.difference(wanted)) await unlink(join(folder, name))
  await syncFolder(folder)
  return true
}

/** Removes uploads that no session continues any more. A crash may have interrupted completions: these uploads go on. */
export async function recoverUploads(folder: StorageFolder, now: number): Promise<void> {
  const uploads = join(folder.root, 'uploads')
  for (const name of await readdir(uploads)) {
    const path = join(uploads, name)
    const { mtimeMs } = await stat(path)
    if (mtimeMs + KEPT_MS < now) await folder.removeAt(path)
    else if (name.endsWith(CLOSING)) await rename(path, path.slice(0, -CLOSING.length))
  }
}
