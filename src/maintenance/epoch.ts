/**
 * Checks that this database alone owns the storage keys with the registry's id. Each sweep increments an epoch in D1 and then
 * copies it to the bucket, so the bucket is never ahead of its database. If it is ahead, the database was restored from an older
 * state, or a copy of it runs elsewhere: objects without a row may not be garbage.
 */
import { logError } from '../lib/log.ts'
import { digestOf } from '../oci/digest.ts'
import type { BlobStore } from '../store/bytes/blob-store.ts'
import type { Database } from '../store/database/database.ts'
import { type Epoch, nextEpoch, readRegistryId, takeNewId } from '../store/registry/registry.ts'

/** The state before the first sweep. */
const NONE: Epoch = { number: -1, mark: '' }

/**
 * The key of the epoch's copy in the bucket, the only object that is overwritten. It is not a storage key, so no sweep lists it.
 */
export function markerKey(registryId: string): string {
  return `${registryId}/epoch`
}

/** Marks that no database may collect the keys of this id any more. It is a separate object, so that no epoch can overwrite it. */
export function retiredKey(registryId: string): string {
  return `${registryId}/retired`
}

/**
 * Begins an epoch. If the bucket is ahead of the database, the registry takes a new id and retires the old one for every database:
 * the other one may not have noticed yet.
 * @returns whether this database owns the keys with the registry's id
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
  // Retires the old id first: after a crash in between, the next run finds it retired and continues.
  await writeText(store, retiredKey(id), new Date(now).toISOString())
  await takeNewId(db, id, now)
  logError({
    message: 'the database was restored, or a copy of it runs elsewhere: this one takes a new id',
    old: id,
    new: await readRegistryId(db),
  })
  return false
}

/** The epoch in the bucket; null where this database cannot have written it. */
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
