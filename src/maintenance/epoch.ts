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

/** Says that no database judges the keys of this id any more. */
const RETIRED = 'retired'

/** No sweep has begun yet. */
const NONE: Epoch = { number: -1, mark: '' }

/** The one object whose key is used again. It is no storage key: no sweep lists it. */
export function markerKey(registryId: string): string {
  return `${registryId}/epoch`
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
    await writeMarker(store, id, `${number} ${mark}`)
    return true
  }
  // Retired first: after a crash in between, the next run finds it so and goes on.
  await writeMarker(store, id, RETIRED)
  await takeNewId(db, id, now)
  logError({
    message: 'the database was restored, or a copy of it runs elsewhere: it takes a new id',
    old: id,
    new: await readRegistryId(db),
  })
  return false
}

/** The epoch that the bucket has; null where it is no epoch. */
async function readMarker(store: BlobStore, registryId: string): Promise<Epoch | null> {
  const stream = await store.read(markerKey(registryId))
  if (stream === null) return NONE
  const [, number, mark] = /^(\d+) (\S+)$/.exec(await new Response(stream).text()) ?? []
  return mark === undefined ? null : { number: Number(number), mark }
}

async function writeMarker(store: BlobStore, registryId: string, text: string): Promise<void> {
  const bytes = Uint8Array.from(new TextEncoder().encode(text))
  await store.write(markerKey(registryId), bytes, await digestOf(bytes))
}
