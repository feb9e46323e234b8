/** Lists the objects of a storage folder in the order of their keys. */
import { opendir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ObjectPage } from '../../store/bytes/blob-store.ts'
import { codeOf } from './durable.ts'
import { pathOfKey, segmentOf, segmentOfFile } from './key-path.ts'

const PAGE = 1000

/** So many keys are held in memory before those that are too late for the page are dropped. */
const HELD_AT_MOST = 8 * PAGE

/** A page of keys with the prefix, after the key `after`. It walks the folders that can have such keys. */
export async function listObjects(
  objects: string,
  prefix: string,
  after: string,
): Promise<ObjectPage> {
  const found = new FirstKeys(PAGE + 1)
  await walk(objects, '', { prefix, after }, found)
  const keys = found.keys()
  const listed: ObjectPage['objects'] = []
  for (const key of keys.slice(0, PAGE)) {
    const uploaded = await timeOf(join(objects, pathOfKey(key)))
    if (uploaded !== null) listed.push({ key, uploaded })
  }
  return { objects: listed, more: keys.length > PAGE }
}

interface Wanted {
  prefix: string
  after: string
}

/** @param above the keys of the folder begin with this */
async function walk(path: string, above: string, wanted: Wanted, found: FirstKeys): Promise<void> {
  for await (const entry of await opendirIfThere(path)) {
    const file = segmentOfFile(entry.name)
    if (file !== null) {
      const key = above + file
      if (key.startsWith(wanted.prefix) && isBefore(wanted.after, key)) found.add(key)
      continue
    }
    const segment = entry.isDirectory() ? segmentOf(entry.name) : null
    if (segment === null) continue
    const below = `${above}${segment}/`
    if (mayHold(below, wanted)) await walk(join(path, entry.name), below, wanted, found)
  }
}

/** Whether keys that begin with `start` may be wanted. */
function mayHold(start: string, { prefix, after }: Wanted): boolean {
  const hasPrefix = start.startsWith(prefix) || prefix.startsWith(start)
  return hasPrefix && (after.startsWith(start) || isBefore(after, start))
}

async function opendirIfThere(path: string) {
  try {
    return await opendir(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}

/** In milliseconds since the epoch; null if the object was removed meanwhile. */
async function timeOf(path: string): Promise<number | null> {
  try {
    return Math.floor((await stat(path)).mtimeMs)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

/** The order of keys is that of their bytes in UTF-8. */
function isBefore(a: string, b: string): boolean {
  return compare(a, b) < 0
}
function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** Keeps the first keys of those that are added, in a bounded memory. */
class FirstKeys {
  readonly #count: number
  #keys: string[] = []

  constructor(count: number) {
    this.#count = count
  }

  add(key: string): void {
    this.#keys.push(key)
    if (this.#keys.length >= HELD_AT_MOST) this.#keys = this.keys()
  }

  keys(): string[] {
    return this.#keys.toSorted(compare).slice(0, this.#count)
  }
}
