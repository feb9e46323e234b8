/**
 * Whether the storage keys with the registry's id are this database's alone. Each sweep counts an epoch up in D1 and copies it to the
 * bucket, in this order, so that the bucket is never ahead of the database that wrote it. Where it is, the database was restored from
 * an older state, or a copy of it runs elsewhere: objects that it knows nothing of need not be garbage.
 */
import { logError } from '../lib/log.ts'
import { digestOf } from '../oci/digest.ts'
import type { BlobStore } from '../store/blob-store.ts'
import type { Database } from '../store/database.ts'
import { type Epoch, nextEpoch, readRegistryId, takeNewId } from '../store/registry.ts'

/** No sweep has begun yet. */
const NONE: Epoch = { number: -1, mark: '' }

/** The epoch that the bucket has: the one object whose key is used again. It is no storage key, so no sweep lists it. */
export function markerKey(registryId: string): string {
  return `${registryId}/epoch`
}

/** Says that no database judges the keys of this id any more. An object of its own: nobody can overwrite it with an epoch. */
export function retiredKey(registryId: string): string {
  return `${registryId}/retired`
}

/**
 * Begins an epoch. Where the bucket is ahead of the database, the registry takes a new id, and the old one is retired for all: the
 * other database may not have noticed yet.
 * @returns whether the keys with the registry's id are this database's
 */
export async function beginEpoch(db: Database, store: BlobStore, now: number): Promise<boolean> {
  const id = await readRegistryId(db)
  const last = await readMarker(store, id)
  const mark = crypto.randomUUID()
  const number = await nextEpoch(db, id, last, mark)
  if (number !== null) {
    await writeText(store, markerKey(id), `${number} ${mark}`)
    return true
  }
  // Retired first: after a crash in between, the next run finds it so and goes on.
  await writeText(store, retiredKey(id), new Date(now).toISOString())
  await takeNewId(db, id, now)
  logError({
    message: 'the database was restored, or a copy of it runs elsewhere: it takes a new id',
    old: id,
    new: await readRegistryId(db),
  })
  return false
}

/** The epoch that the bucket has; null where it is none that this database could have written. */
async function readMarker(store: BlobStore, registryId: string): Promise<Epoch | null> {
  if ((await store.size(retiredKey(registryId))) !== null) return null
  const stream = await store.read(markerKey(registryId))
  if (stream === null) return NONE
  const [, number, mark] = /^(\d+) (\S+)$/.exec(await new Response(stream).text()) ?? []
  return mark === undefined ? null : { number: Number(number), mark }
}

async function writeText(store: BlobStore, key: string, text: string): Promise<void> {
  const bytes = Uint8Array.from(new TextEncoder().encode(text))
  await store.write(key, bytes, await digestOf(bytes))
}
