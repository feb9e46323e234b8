/**
 * The objects of a storage folder. Below it are
 * - `objects/`: an object is a file, or a folder with the files of its parts. key-path.ts has their names;
 * - `uploads/`: a folder for each upload in parts, which becomes the object by a rename;
 * - `incoming/`: files that are being received, and what is being removed.
 * Everything is on the disk before it is acknowledged, and becomes visible by one rename.
 */
import { randomUUID } from 'node:crypto'
import { rename, rm, stat, unlink } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { dirname, join } from 'node:path'
import type { ByteRange, ObjectPage } from '../../store/bytes/blob-store.ts'
import { codeOf, makeFolder, makePath, moveDurably, syncFolder } from './durable.ts'
import { pathOfKey } from './key-path.ts'
import { listObjects } from './list-objects.ts'
import { type Segment, segmentsOfParts } from './part-files.ts'
import { receiveFile } from './receive.ts'

export interface StoredObject {
  size: number
  /** The files that the bytes of the range are in, in order. */
  segments: Segment[]
}

export class StorageFolder {
  readonly root: string
  readonly #objects: string
  readonly #incoming: string

  constructor(root: string) {
    this.root = root
    this.#objects = join(root, 'objects')
    this.#incoming = join(root, 'incoming')
  }

  /** A fresh path for a file that is not an object yet. */
  temporary(): string {
    return join(this.#incoming, randomUUID())
  }

  /**
   * Stores the body as an object.
   * @param digest `sha256:` or `sha512:` and hex
   * @returns false, with nothing stored, if the body does not have the digest
   * @throws {CutOff}
   */
  async write(key: string, body: IncomingMessage, digest: string): Promise<boolean> {
    const target = this.#pathOf(key)
    const algorithm = digest.startsWith('sha512:') ? 'sha512' : 'sha256'
    const path = this.temporary()
    const { hash } = await receiveFile(body, path, algorithm)
    if (`${algorithm}:${hash}` !== digest) {
      await unlink(path)
      return false
    }
    try {
      await this.#publish(path, target)
    } catch (error) {
      await unlink(path).catch(() => undefined)
      throw error
    }
    return true
  }

  /** The object, or the range of it, which must lie within it; null if it does not exist. */
  async find(key: string, range?: ByteRange): Promise<StoredObject | null> {
    const path = this.#pathOf(key)
    try {
      const stats = await stat(path)
      const whole = stats.isDirectory()
        ? await segmentsOfParts(path)
        : [{ path, offset: 0, length: stats.size }]
      const size = whole.reduce((sum, { length }) => sum + length, 0)
      return { size, segments: range === undefined ? whole : cut(whole, range) }
    } catch (error) {
      if (!isMissing(error)) throw error
      // Where the disk was unmounted, nothing is known of any object.
      await stat(this.#objects)
      return null
    }
  }

  list(prefix: string, after: string): Promise<ObjectPage> {
    return listObjects(this.#objects, prefix, after)
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.removeAt(this.#pathOf(key))
  }

  /** Makes a file, or a folder of parts, visible as the object. It replaces an older object. */
  async publish(path: string, key: string): Promise<void> {
    await this.#publish(path, this.#pathOf(key))
  }

  async #publish(path: string, target: string): Promise<void> {
    await makeFolder(this.root, dirname(target))
    try {
      await moveDurably(path, target)
    } catch (error) {
      // A file does not replace a folder, nor a folder anything.
      if (!['EISDIR', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) throw error
      await this.removeAt(target)
      await moveDurably(path, target)
    }
  }

  /** Removes a file or a folder, if it exists. It disappears at once. */
  async removeAt(path: string): Promise<void> {
    const removed = this.temporary()
    try {
      await rename(path, removed)
    } catch (error) {
      if (isMissing(error)) return
      throw error
    }
    await rm(removed, { recursive: true, force: true })
  }

  #pathOf(key: string): string {
    return join(this.#objects, pathOfKey(key))
  }
}

/** The parts of the segments that the range covers. */
function cut(segments: readonly Segment[], { offset, length }: ByteRange): Segment[] {
  const end = offset + length
  let start = 0
  return segments.flatMap((segment) => {
    const from = Math.max(offset - start, 0)
    const to = Math.min(end - start, segment.length)
    start += segment.length
    return from < to ? [{ path: segment.path, offset: from, length: to - from }] : []
  })
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(codeOf(error))
}

/**
 * Makes a folder ready, to which nobody else writes. Removes what an earlier process was receiving or removing.
 * @throws the system's error if the folder cannot be written
 */
export async function openStorageFolder(root: string): Promise<StorageFolder> {
  await rm(join(root, 'incoming'), { recursive: true, force: true })
  for (const name of ['objects', 'uploads', 'incoming']) await makePath(join(root, name))
  await syncFolder(root)
  return new StorageFolder(root)
}
