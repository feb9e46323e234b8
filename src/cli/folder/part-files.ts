/**
 * The files of an upload in parts, and later of its object: `<number>-<size>-<random>`, with the number in five digits, so that the
 * order of the names is that of the parts. The etag of a part is `<size>-<random>`.
 */
import { randomUUID } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Part } from '../../store/bytes/blob-store.ts'

const DIGITS = 5
const NAME = /^(\d{5})-(\d+)-[0-9a-f]+$/

/** Bytes of a file, from `offset` on. */
export interface Segment {
  path: string
  offset: number
  length: number
}

export function newEtag(size: number): string {
  return `${size}-${randomUUID().replaceAll('-', '').slice(0, 16)}`
}

export function partName({ number, etag }: Part): string {
  return `${String(number).padStart(DIGITS, '0')}-${etag}`
}

export function numberOf(name: string): number {
  return Number(name.slice(0, DIGITS))
}

/** The parts of an object, in order. */
export async function segmentsOfParts(folder: string): Promise<Segment[]> {
  const names = await readdir(folder)
  return names.sort().map((name) => {
    const size = NAME.exec(name)?.[2]
    if (size === undefined) throw new Error(`${join(folder, name)} is not a part`)
    return { path: join(folder, name), offset: 0, length: Number(size) }
  })
}
